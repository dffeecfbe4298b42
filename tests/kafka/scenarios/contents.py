"""Values that carry no stamp of their own: tombstones, lines of a file, a filled-in text; stamped in a header."""

from pathlib import Path

from loadkit import ConsumerUser, ProducerUser, Topic, keys, payloads

HERE = Path(__file__).parent
profiles = Topic("profiles", partitions=3, config={"cleanup.policy": "compact"})
clicks = Topic("clicks", partitions=2)
texts = Topic("texts", partitions=2)


class Profile(ProducerUser):
    fixed_count = 2
    topic = profiles
    rate = "300/s"
    key = keys.uniform(1000)
    payload = payloads.constant(size="50B")
    tombstones = 0.25


class Click(ProducerUser):
    topic = clicks
    rate = "200/s"
    payload = payloads.replay(HERE / "lines.txt")
    headers = {"source": "web"}


class Text(ProducerUser):
    topic = texts
    rate = "200/s"
    key = keys.round_robin(10)
    payload = payloads.template(HERE / "text.json")


class Profiles(ConsumerUser):
    topic = profiles


class Clicks(ConsumerUser):
    topic = clicks


class Texts(ConsumerUser):
    topic = texts
