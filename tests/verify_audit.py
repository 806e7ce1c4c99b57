#!/usr/bin/env python3
"""A second verifier of money-machine's audit trail, written from docs/audit.md alone.

    money-machine audit export > audit.jsonl
    python3 verify_audit.py audit.jsonl [--anchor FILE] [--key PUBLIC_KEY]

Needs Python 3.9 and the package `cryptography`. It reads the files it is given and nothing else; it
prints every fault and ends with 1 if there is one.
"""

import argparse
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ZERO = "0" * 64
faults = []
fault = faults.append


def framed(*fields):
    """Each field behind its length in eight big-endian bytes; a number has eight such bytes itself."""
    fields = [field.to_bytes(8, "big", signed=True) if isinstance(field, int) else field for field in fields]
    return b"".join(len(field).to_bytes(8, "big") + field for field in fields)


def sha256(message):
    return hashlib.sha256(message).hexdigest()


def signed_by(key, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), message)
        return True
    except (InvalidSignature, ValueError):
        return False


def entry_hash(entry):
    return sha256(framed(
        b"mm-audit-entry-1", entry["seq"], entry["epoch"], entry["at_ms"], entry["space"].encode(),
        entry["kind"].encode(), bytes.fromhex(entry["commitment"]), bytes.fromhex(entry["prev"])))


def commitment(entry):
    return sha256(framed(b"mm-audit-payload-1", bytes.fromhex(entry["salt"]), entry["payload"].encode()))


def checkpoint_message(line):
    return framed(
        b"mm-audit-checkpoint-1", line["seq"], bytes.fromhex(line["hash"]), line["epoch"], line["at_ms"],
        bytes.fromhex(line["previous"]), bytes.fromhex(line["store"]))


def read_export(path):
    entries, checkpoints, tip = [], [], None
    for line in map(json.loads, open(path, encoding="utf-8")):
        if "seq" in line:
            entries.append(line)
        elif "checkpoint" in line:
            checkpoints.append(line["checkpoint"])
        elif "tip" in line:
            tip = line["tip"]
    return entries, checkpoints, tip


def read_anchors(path):
    anchors = []
    for nth, text in enumerate(open(path, encoding="utf-8", errors="replace"), 1):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
            checkpoint_message(line), bytes.fromhex(line["key"] + line["signature"])
            anchors.append(line)
        except (ValueError, KeyError, TypeError, OverflowError):
            fault(f"line {nth} of the anchors cannot be read")
    return anchors


def payload(entry):
    """The payload, which is an object; an empty one where it is none."""
    try:
        said = json.loads(entry["payload"] or "null")
    except ValueError:
        said = None
    return said if isinstance(said, dict) else {}


def check_chain(entries, tip):
    """Links, hashes, payloads and the end. Gives the hashes by number."""
    hashes, seq, prev = {}, 0, ZERO
    erasures = {entry["seq"]: payload(entry) for entry in entries if entry["kind"] == "audit.payload-erased"}
    for entry in entries:
        here = entry["seq"]
        if here != seq + 1:
            fault(f"entry {seq + 1} is missing; entry {here} stands in its place")
        elif entry["prev"] != prev:
            fault(f"entry {here} does not follow the one before")
        hashes[here] = entry_hash(entry)
        if hashes[here] != entry["hash"]:
            fault(f"entry {here} has another hash than it says")
        state = entry["payload_state"]
        if state == "there" and commitment(entry) != entry["commitment"]:
            fault(f"the payload of entry {here} was changed")
        elif state == "erased":
            by = entry["erased_by"] or 0
            if by <= here or erasures.get(by, {}).get("seq") != here:
                fault(f"the payload of entry {here} is gone without a record of its erasure")
        elif state != "there":
            fault(f"the payload of entry {here} is {state}")
        seq, prev = here, hashes[here]
    if tip is None:
        fault("the export has no end: it was cut")
    elif (tip["seq"], tip["hash"]) != (seq, prev):
        fault(f"the chain ends at entry {seq}, and its recorded end is entry {tip['seq']}")
    return hashes


def covered(seq, keys, sound):
    """Whether a sound checkpoint by one of the keys covers an entry."""
    return any(key in keys and at >= seq for key, at in sound)


def tied_keys(key, store, entries, sound):
    """The keys that `key` stands for: those it has signed announcements of, and so on; and a key before
    it where one of these has signed a checkpoint that covers the announcement."""
    links = []
    for entry in (entry for entry in entries if entry["kind"] == "audit.key-changed"):
        said = payload(entry)
        try:
            message = framed(b"mm-audit-key-1", bytes.fromhex(store), bytes.fromhex(said["key"]))
            if signed_by(said["before"], message, said["signature"]):
                links.append((entry["seq"], said["before"], said["key"]))
        except (KeyError, TypeError, ValueError):
            pass  # Signed by nobody: the key before was lost.
    keys, count = {key}, 0
    while len(keys) != count:
        count = len(keys)
        for seq, before, after in links:
            if before in keys:
                keys.add(after)
            if after in keys and covered(seq, keys, sound):
                keys.add(before)
    return keys


def check_signed(what, line, hashes, store, keys):
    """A checkpoint or an anchor against the chain; its fault, if it has one."""
    seq, last = line["seq"], max(hashes, default=0)
    if not signed_by(line["key"], checkpoint_message(line), line["signature"]):
        return f"the signature of the {what} on entry {seq} does not hold"
    if line["store"] != store:
        return f"the {what} on entry {seq} is of another store"
    if seq > last:
        return f"the {what} has seen entry {seq}, and the chain ends at entry {last}"
    if seq in hashes and hashes[seq] != line["hash"]:
        return f"entry {seq} is another than the {what} has seen"
    if keys and line["key"] not in keys:
        return f"the {what} on entry {seq} is signed by another key"


def main():
    parser = argparse.ArgumentParser(description="Verifies an export of money-machine's audit trail.")
    parser.add_argument("export")
    parser.add_argument("--anchor", help="a file of anchors")
    parser.add_argument("--key", help="the public key that must have signed, in hex")
    options = parser.parse_args()
    entries, checkpoints, tip = read_export(options.export)
    hashes = check_chain(entries, tip)
    store = hashes.get(1, ZERO)
    sound = [(line["key"], line["seq"]) for line in checkpoints
             if not check_signed("", line, hashes, store, None) and line["seq"] in hashes]
    keys = tied_keys(options.key, store, entries, sound) if options.key else None
    before = ZERO
    for line in checkpoints:
        wrong = check_signed("checkpoint", line, hashes, store, keys)
        if wrong:
            fault(wrong)
        if line["previous"] != before:
            fault(f"the checkpoint on entry {line['seq']} does not follow the one before")
        before = sha256(checkpoint_message(line))
    who = keys or {line["key"] for line in checkpoints[-1:]}
    given_up = {digest for entry in entries if entry["kind"] == "audit.anchor-given-up"
                and covered(entry["seq"], who, sound) for digest in payload(entry).get("checkpoints", [])}
    for line in read_anchors(options.anchor) if options.anchor else []:
        wrong = check_signed("anchor", line, hashes, store, keys)
        if wrong and sha256(checkpoint_message(line)) not in given_up:
            fault(wrong)
    for text in faults:
        print(text)
    print(f"{'BROKEN' if faults else 'whole'}: {len(entries)} entries, {len(checkpoints)} checkpoints")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
