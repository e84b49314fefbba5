"""The files of conf/examples, moved to where a test can run them."""

import re

import yaml

from sluice import REPOSITORY


class Loader(yaml.SafeLoader):
    """Reads `on` and `off` as the words that they are in YAML 1.2."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}


Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), ["t", "f"])


def example(name, site, /, **servers):
    """`conf/examples/NAME.yaml` as a dictionary, with free ports, the tests' certificate, and for each upstream the
    addresses in `servers`, as many as it names. Everything else is as it stands in the file."""
    config = yaml.load((REPOSITORY / "conf" / "examples" / f"{name}.yaml").read_text(), Loader)
    for listener in config["listeners"]:
        listener["address"] = "127.0.0.1:0"
        if "tls" in listener:
            listener["tls"]["certificates"] = [site.setting]
    config["admin"] = {**config.get("admin", {}), "address": "127.0.0.1:0"}
    config.setdefault("drain", {"timeout": "2s", "spread": "0s"})
    assert {upstream["name"] for upstream in config["upstreams"]} == servers.keys()
    for upstream in config["upstreams"]:
        addresses = servers[upstream["name"]]
        assert len(upstream["servers"]) == len(addresses), f"{upstream['name']} has {len(upstream['servers'])} servers"
        for server, address in zip(upstream["servers"], addresses):
            server["address"] = address
    return config
