"""The audit record: linked events, anchors, their export and their verification."""
