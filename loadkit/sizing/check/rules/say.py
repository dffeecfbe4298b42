"""How rules say what they found."""

from __future__ import annotations

from loadkit.sizing.check.model import Finding, Level, Piece, is_reference
from loadkit.sizing.settings.translation import Role, default, to_librdkafka


def found(piece: Piece, rule: str, setting: str, text: str, fix: str, level: Level = "unsafe") -> Finding:
    """Return a finding at a setting of a piece, or at the piece where the setting is not written."""
    shown = written(piece, setting)
    return Finding(rule, level, piece.file, piece.at(setting), shown, text, fix)


def written(piece: Piece, setting: str) -> str:
    """Return a setting's name as the piece's file has or would have it."""
    if setting in piece.values:
        return piece.values[setting].name or setting
    if piece.client == "librdkafka" and piece.kind in ("producer", "consumer"):
        role: Role = "producer" if piece.kind == "producer" else "consumer"
        return to_librdkafka(role, setting, "").name or setting
    return setting


def effective(piece: Piece, setting: str) -> str:
    """Return a client's setting in force: as written, else its client's default (Java 4.x, or librdkafka)."""
    if setting in piece.values:
        return piece.values[setting].text
    role: Role = "producer" if piece.kind == "producer" else "consumer"
    return default("librdkafka" if piece.client == "librdkafka" else "java", role, setting)


def whole(piece: Piece, setting: str) -> float | None:
    """Return a client's setting in force as a number; None where it is none, or a reference."""
    try:
        return float(effective(piece, setting))
    except ValueError:
        return None


def unseen(piece: Piece, setting: str) -> bool:
    """Return whether a setting is a reference, whose value the checker cannot see."""
    return is_reference(piece.text(setting))


def how(piece: Piece, setting: str) -> str:
    """Return a setting as the reader should see it: with its value, or as not written."""
    name = written(piece, setting)
    return f"{name}={piece.text(setting)}" if setting in piece.values else f"{name} is not written"
