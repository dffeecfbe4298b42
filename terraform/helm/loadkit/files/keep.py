"""Run a command, and keep what it leaves in S3: each minute, and when it has ended, however it ended.

usage: keep.py BUCKET PREFIX FOLDER COMMAND...

The mark `begun.json` comes first, so that a bucket which cannot be written is known before any load; `done.json` comes
last and says that all is there. Region, endpoint and login are boto3's own environment variables. The exit code is the
command's, or 3 where its results could not be kept.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

EACH, PATIENCE, AGAIN = 60.0, 180.0, 10.0
"""Seconds between two uploads; that the last one may take, and between its tries: a stopped pod has 300 s in all."""
TIMES = Config(connect_timeout=10, read_timeout=30, retries={"max_attempts": 3})
REFUSED = (BotoCoreError, ClientError, S3UploadFailedError, OSError)


class Kept:
    """What a folder holds, in a bucket."""

    def __init__(self, bucket: str, prefix: str, folder: Path) -> None:
        """Keep what is in `folder` under `prefix`."""
        self._bucket, self._prefix, self._folder = bucket, prefix, folder
        self._client = boto3.client("s3", config=TIMES)
        self._there: dict[Path, tuple[int, int]] = {}

    def mark(self, name: str, **facts: object) -> None:
        """Write a small file of facts."""
        body = json.dumps(facts, indent=1).encode()
        self._client.put_object(Bucket=self._bucket, Key=f"{self._prefix}/{name}.json", Body=body)

    def upload(self) -> None:
        """Upload each file that is new or has changed; a file that goes away meanwhile was another's draft."""
        for file in sorted(self._folder.rglob("*")):
            try:
                if not file.is_file():
                    continue
                now = file.stat().st_size, file.stat().st_mtime_ns
                if self._there.get(file) != now:
                    key = f"{self._prefix}/{file.relative_to(self._folder)}"
                    self._client.upload_file(str(file), self._bucket, key)
                    self._there[file] = now
            except FileNotFoundError:
                continue


def say(text: str) -> None:
    """Say something beside the command."""
    print(f"keep: {text}", file=sys.stderr, flush=True)


def now() -> str:
    """Return the time as marks have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def run(command: list[str], kept: Kept) -> int:
    """Run a command to its end, uploading meanwhile, and return its exit code."""
    process = subprocess.Popen(command)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: process.send_signal(number))
    while True:
        try:
            code = process.wait(EACH)
            return code if code >= 0 else 128 - code
        except subprocess.TimeoutExpired:
            try:
                kept.upload()
            except REFUSED as error:
                say(f"not uploaded, which is tried again in {EACH:.0f} s: {error}")


def finish(kept: Kept, facts: dict[str, object]) -> bool:
    """Upload what there is and say that it is all; return whether that went through."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            kept.upload()
            kept.mark("done", **facts)
            return True
        except REFUSED as error:
            if time.monotonic() + AGAIN > until:
                say(f"the results are lost with this pod: {error}")
                return False
            say(f"not uploaded, which is tried again in {AGAIN:.0f} s: {error}")
            time.sleep(AGAIN)


def main() -> int:
    """Do what the module says."""
    bucket, prefix, folder, *command = sys.argv[1:]
    kept, begun = Kept(bucket, prefix, Path(folder)), now()
    try:
        kept.mark("begun", command=command, begun=begun)
    except REFUSED as error:
        say(f"s3://{bucket}/{prefix} cannot be written, so nothing is begun: {error}")
        return 3
    code = run(command, kept)
    whole = finish(kept, {"exit_code": code, "command": command, "begun": begun, "ended": now()})
    say(f"kept in s3://{bucket}/{prefix}" if whole else "not kept")
    return code if whole else 3


if __name__ == "__main__":
    sys.exit(main())
