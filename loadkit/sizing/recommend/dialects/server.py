"""`server.properties` of the brokers, one for each zone: alike but for the rack."""

from __future__ import annotations

from loadkit.sizing.recommend.dialects.java import escaped
from loadkit.sizing.recommend.words import about, commented, header, joined, omitted
from loadkit.sizing.settings import platforms
from loadkit.sizing.settings.model import Recommended, Setting

TITLE = "server.properties"
_ELSE = ["node.id, process.roles, listeners, controller.quorum.*, log.dirs and security: your brokers' own, add them."]


def files(plan: Recommended) -> dict[str, str]:
    """Return one file for each zone; a single one where the platform knows the zones itself."""
    facts = plan.facts
    if (why := platforms.rack(facts.platform)) or facts.zones == 1:
        rack = commented(omitted("broker.rack", "zone", why)) if why else []
        return {"server/server.properties": _file(plan, rack)}
    return {
        f"server/zone-{zone}/server.properties": _file(plan, _rack(zone, facts.zones))
        for zone in range(1, facts.zones + 1)
    }


def _rack(zone: int, zones: int) -> list[str]:
    rack = Setting("broker.rack", f"zone-{zone}", f"the copies of a partition stand in different zones; put your "
                   f"zone's name here, one of {zones}")  # fmt: skip
    return ["", *commented(about(rack, "")), f"{rack.name}={rack.value}"]


def _file(plan: Recommended, rack: list[str]) -> str:
    lines = commented([*header(plan.facts, "Brokers"), *_ELSE])
    for setting in plan.broker:
        lines.append("")
        if why := platforms.omitted(plan.facts.platform, "broker", setting.name):
            lines += commented(omitted(setting.name, setting.value, why))
            continue
        lines += [*commented(about(setting, "")), f"{setting.name}={escaped(setting.value)}"]
    return joined([*lines, *rack])
