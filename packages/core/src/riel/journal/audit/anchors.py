"""What an anchor and a payment must say, judged by rows that the store hands over page by page."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from riel.journal.audit.chain import GENESIS, Anchor, ChainBreak, anchor_link
from riel.journal.events import mask_account_in
from riel.journal.row_mac import ANCHORS, RowMac
from riel.money import mask_account

CHAINS_PER_PAGE = 1000
"""How many chains one page has. A payment and its events are written together, so a page of them is consistent."""


@dataclass(frozen=True, slots=True)
class AnchoredEnd:
    """The end of what the anchors so far have sealed."""

    n: int = 0
    upto: int = 0
    hash: str = GENESIS


def check_anchor(mac: RowMac, anchor: Anchor, before: AnchoredEnd, hashes: Iterable[str]) -> ChainBreak | AnchoredEnd:
    """The end of what ``anchor`` seals, or why it does not hold.

    :param hashes: of the events after those that were sealed before, and up to the last that this one names.
    """
    n = before.n + 1
    if anchor.n != n:
        return ChainBreak("", n, f"anchor {n} is missing: it was removed")
    digest, count = anchor_link(before.hash, anchor.at, anchor.upto, hashes)
    if count != anchor.count:
        counted = f"anchor {n} seals {anchor.count} events up to number {anchor.upto}, and there are {count}"
        return ChainBreak("", n, f"{counted}: a whole chain or the end of one was removed")
    if digest != anchor.hash:
        return ChainBreak("", n, f"anchor {n} does not match the events {before.upto + 1} to {anchor.upto}")
    if not mac.proves(anchor.mac, ANCHORS, n, anchor.hash):
        return ChainBreak("", n, f"anchor {n} was not written by riel: altered")
    return AnchoredEnd(n, anchor.upto, anchor.hash)


def check_payment(row: Any) -> ChainBreak | None:
    """Whether a payment no longer says what was confirmed: by its row, with its event's ``n`` and body (``said``)."""
    if row["said"] is None:
        return ChainBreak(
            row["id"], 1, f"no event confirmed the payment {row['id']}: it was added, or its chain removed"
        )
    said = json.loads(row["said"])
    names = ("reference", "amount", "currency", "payee", "account", "payloadSha256")
    recorded = tuple(said.get(name) for name in names)
    payload = hashlib.sha256(row["payload"]).hexdigest()
    account = row["account"]
    stored = (
        row["reference"],
        row["amount"],
        row["currency"],
        mask_account_in(row["payee"], account),
        mask_account(account),
        payload,
    )
    if recorded == stored:
        return None
    return ChainBreak(row["id"], row["n"], f"the payment {row['id']} was altered: event {row['n']} says otherwise")
