"""The tools that make something: what is no money is made once per call, what moves money a person confirms."""

import asyncio
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from rail_fintoc.api import KINDS
from rail_fintoc.codes import CODES
from rail_fintoc.fields import Metadata, Phone, chilean_account
from rail_fintoc.models import Verification
from rail_fintoc.returns import cancellation_of, refund_of
from rail_fintoc.tools.arguments import Cursor, Resource, Text, arguments_model, described
from rail_fintoc.tools.errors import clean_value, provider_details, refusal, refuse_with_details
from riel import MinorUnits, NotAllowed, OutcomeUnknown, Payment, SingleLine, Tool, WireModel
from riel_mexico import Clabe

if TYPE_CHECKING:
    from rail_fintoc.client import FintocClient

MAX_WAIT: Final = 3.0
"""Seconds in which Fintoc makes something. They end before the call's own do, so that the caller learns the key."""

KEY_PREFIX = "tool-"
"""Stands in front of an agent's idempotency key: it must never be the reference of a payment."""

IdempotencyKey = Annotated[
    SingleLine,
    Field(
        pattern=r"^[!-~]{1,250}$",
        description="Letters, figures and marks of ASCII. Repeat it on a retry: an answered call is not done twice.",
    ),
]
Options = described(
    arguments_model("options", min_amount=Annotated[int, Field(ge=1)], max_amount=Annotated[int, Field(ge=1)]),
    "What it collects at least and at most, in minor units.",
)
TaxId = described(arguments_model("tax_id", type=(Text,), value=(Text,)), "Such as type cl_rut and the RUT.")
CustomerAddress = described(
    arguments_model("address", country=Text, city=Text, state=Text, line1=Text, line2=Text, postal_code=Text),
    "Postal address.",
)
Number = Annotated[SingleLine, AfterValidator(chilean_account)]
Recipient = described(
    arguments_model(
        "recipient_account", holder_id=(Text,), holder_name=Text, institution_id=(Text,), number=(Number,), type=(Text,)
    ),
    "Where it is paid, if not to the payer's account.",
)


async def _create(client: "FintocClient", path: str, arguments: WireModel) -> Resource:
    """``POST``, once. A key that the caller gives makes a repeat harmless; without one each call is a new thing."""
    from rail_fintoc.api import RequestRefused, Unresolved

    values = arguments.model_dump(by_alias=True, exclude_none=True)
    key = values.pop("idempotency_key", None) or str(uuid.uuid4())
    try:
        async with asyncio.timeout(MAX_WAIT):
            created = await client.api.write(path, json.dumps(values, ensure_ascii=False).encode(), KEY_PREFIX + key)
    except RequestRefused as failure:
        raise refusal(failure.details) from failure
    except (OutcomeUnknown, TimeoutError) as failure:
        details_json = provider_details(failure.details) if isinstance(failure, Unresolved) else {}
        raise _outcome_unknown(key, details_json) from failure
    return Resource(data=clean_value(created) if isinstance(created, dict) else {})


def _outcome_unknown(key: str, details_json: Mapping[str, Any]) -> NotAllowed:
    unknown = replace(
        CODES["FINTOC_OUTCOME_UNKNOWN"],
        message="Whether Fintoc made it is not known.",
        remedy="Repeat this call with this idempotency_key, or read the list before you call again.",
    )
    return NotAllowed(unknown, details={"idempotencyKey": key, **details_json})


async def create_account_number(client: "FintocClient", arguments: WireModel) -> Resource:
    """A new CLABE of an account."""
    return await _create(client, "/v2/account_numbers", arguments)


async def create_customer(client: "FintocClient", arguments: WireModel) -> Resource:
    """A new customer."""
    if getattr(arguments, "email", None) is None and getattr(arguments, "tax_id", None) is None:
        missing = "A customer needs email or tax_id."
        raise NotAllowed(replace(CODES["FINTOC_INVALID_FIELD"], message=missing, remedy="Add one and call again."))
    return await _create(client, "/v2/customers", arguments)


async def create_refund(client: "FintocClient", arguments: Any) -> Payment | None:
    """The refund that a person then confirms."""
    with refuse_with_details():
        intent = await client.find(KINDS["pi"].paths, arguments.resource_id)
    if intent is None:
        return None
    account = (
        arguments.recipient_account.model_dump(by_alias=True, exclude_none=True)
        if arguments.recipient_account
        else None
    )
    return refund_of(intent, arguments.amount, "asked for", account, arguments.metadata)


async def cancel_refund(client: "FintocClient", arguments: Any) -> Payment | None:
    """The request that a person then confirms."""
    with refuse_with_details():
        refund = await client.find(KINDS["re"].paths, arguments.id)
    return None if refund is None else cancellation_of(refund)


async def verify_account(client: "FintocClient", arguments: Any) -> Payment | None:
    """One centavo to a CLABE, which a person then confirms."""
    return Verification(
        amount=1,
        currency="MXN",
        account=arguments.account_number,
        name="",
        about="verification of who holds the account",
    )


_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")


def _email(text: str) -> str:
    if _EMAIL.fullmatch(text) is None:
        raise PydanticCustomError("not_an_email", "is not an e-mail address: write name@example.com")
    return text


Short = Annotated[SingleLine, Field(min_length=1, max_length=40, description="For yourself.")]
Email = Annotated[SingleLine, AfterValidator(_email), Field(description="E-mail address.")]

CREATE_TOOLS: Final[tuple[Tool, ...]] = (
    Tool(
        name="create_account_number",
        title="Create an account number",
        description="Create an account number (a CLABE in Mexico) that collects into an account, for one payer or "
        "invoice. Moves no money.",
        scope="account_number:manage",
        read_only=False,
        input=arguments_model(
            "create_account_number",
            account_id=(Cursor,),
            description=Short,
            metadata=Metadata,
            options=Options,
            idempotency_key=IdempotencyKey,
        ),
        output=Resource,
        run=create_account_number,
    ),
    Tool(
        name="create_customer",
        title="Create a customer",
        description="Create a customer at Fintoc, with email or tax_id. Moves no money.",
        scope="customer:create",
        read_only=False,
        input=arguments_model(
            "create_customer",
            email=Email,
            name=Annotated[Text, Field(description="Full name.")],
            phone=Phone,
            tax_id=TaxId,
            address=CustomerAddress,
            metadata=Metadata,
            idempotency_key=IdempotencyKey,
        ),
        output=Resource,
        run=create_customer,
    ),
    Tool(
        name="create_refund",
        title="Refund a collected payment",
        description="Refund a collected payment (pi_…), in full or in part, in two calls like fintoc_send_payment.",
        scope="refund:manage",
        input=arguments_model(
            "create_refund",
            resource_id=(Cursor,),
            resource_type=(Annotated[Literal["payment_intent"], Field(description="The kind of resource_id.")],),
            amount=MinorUnits,
            recipient_account=Recipient,
            metadata=Metadata,
        ),
        build_payment=create_refund,
    ),
    Tool(
        name="cancel_refund",
        title="Cancel a refund",
        description="Cancel a refund (re_…) that is not under way yet, in two calls like fintoc_send_payment.",
        scope="refund:manage",
        input=arguments_model("cancel_refund", id=(Cursor,)),
        build_payment=cancel_refund,
    ),
    Tool(
        name="verify_account",
        title="Verify who holds a CLABE",
        description="Send MXN 0.01 to a CLABE to learn who holds it, before the first payment to a payee. It is a "
        "payment, in two calls like fintoc_send_payment; then fintoc_check_status has holderName and holderId.",
        scope="transfer:manage",
        input=arguments_model("verify_account", account_number=(Clabe,)),
        build_payment=verify_account,
    ),
)
