"""The options of `ros2:/NAMESPACE?...`, and where ROS finds its peers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args
from xml.sax.saxutils import quoteattr

from streamer.errors import UsageError
from streamer.uris import Address

FRAME_ID, NODE_NAME = "camera_optical_frame", "streamer"
MAX_DOMAIN = 232  # beyond, DDS has no ports
NAMESPACE = re.compile(r"(/[A-Za-z](?:_?[A-Za-z0-9])*)+")
NODE = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")
PEER = re.compile(r"[\w.:-]+")
Range = Literal["localhost", "subnet", "off"]
Labels = Literal["png", "raw", "both", "none"]
# pieces of 15 kB: with Cyclone's own 1.3 kB readers lost one image in ten, with 64 kB they stalled for seconds
SIZES = "<MaxMessageSize>16000B</MaxMessageSize><FragmentSize>15000B</FragmentSize>"
LOOPBACK = (
    '<Interfaces><NetworkInterface name="lo" multicast="false"/></Interfaces><AllowMulticast>false</AllowMulticast>'
)
# without multicast a program that starts after us is found only by our calls to it, which Cyclone ends after 30 s
INDEXES = (
    "<ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>99</MaxAutoParticipantIndex>"
    "<SPDPInterval>2s</SPDPInterval><InitialLocatorPruneDelay>inf</InitialLocatorPruneDelay>"
)


@dataclass(frozen=True, slots=True)
class Ros2Options:
    """What a ROS 2 sink publishes, and where."""

    namespace: str  # such as /camera
    domain: int = 0
    reach: Range = "localhost"
    peers: tuple[str, ...] = ()
    frame_id: str = FRAME_ID
    node: str = NODE_NAME
    labels: Labels = "png"
    images: bool = False
    prompts: bool = True
    camera_info: Path | None = None

    @classmethod
    def of(cls, address: Address, environment: Mapping[str, str]) -> Ros2Options:
        """Of an address, with ROS' own variables where it says nothing; raises UsageError."""
        address.allow("domain", "range", "frame_id", "node", "labels", "images", "prompts", "camera_info")
        options = address.options
        reach, peers = discovery(options.get("range"), environment)
        return cls(
            namespace=checked_namespace(address.target),
            domain=domain_of(options.get("domain") or environment.get("ROS_DOMAIN_ID") or "0"),
            reach=reach,
            peers=peers,
            frame_id=_frame_id(options.get("frame_id", FRAME_ID)),
            node=_node(options.get("node", NODE_NAME)),
            labels=one_of("labels", options.get("labels", "png"), get_args(Labels)),
            images=one_of("images", options.get("images", "none"), ("jpeg", "none")) == "jpeg",
            prompts=address.flag("prompts") if "prompts" in options else True,
            camera_info=Path(options["camera_info"]) if "camera_info" in options else None,
        )

    def topic(self, name: str) -> str:
        return f"{self.namespace}/{name}"


def checked_namespace(text: str) -> str:
    """A namespace that ROS takes; raises UsageError."""
    if not NAMESPACE.fullmatch(text):
        raise UsageError(
            f"sink ros2:{text}: {text!r} is no namespace of ROS; write ros2:/NAME with letters, digits and single "
            "underscores, a letter first"
        )
    return text


def domain_of(text: str) -> int:
    """A domain's number; raises UsageError."""
    if not text.isdecimal() or int(text) > MAX_DOMAIN:
        raise UsageError(f"sink ros2: domain {text!r} (option domain, or ROS_DOMAIN_ID) is not from 0 to {MAX_DOMAIN}")
    return int(text)


def _frame_id(text: str) -> str:
    if not text or text.startswith("/") or any(letter.isspace() for letter in text):
        raise UsageError(f"sink ros2: frame_id {text!r} is no frame of tf2; write one like camera_optical_frame")
    return text


def _node(text: str) -> str:
    if not NODE.fullmatch(text):
        raise UsageError(f"sink ros2: node {text!r} is no name of ROS; use letters, digits and single underscores")
    return text


def one_of(option: str, value: str, known: tuple[str, ...]) -> Any:
    if value not in known:
        raise UsageError(f"sink ros2: {option}={value!r} is unknown; known: {', '.join(known)}")
    return value


def discovery(option: str | None, environment: Mapping[str, str]) -> tuple[Range, tuple[str, ...]]:
    """Who may find us: the option, or ROS_AUTOMATIC_DISCOVERY_RANGE and ROS_STATIC_PEERS, or this machine alone."""
    said = (option or environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE") or "localhost").lower()
    if environment.get("ROS_LOCALHOST_ONLY") == "1":
        said = "localhost"
    reach: Range = one_of("range", "subnet" if said == "system_default" else said, get_args(Range))
    peers = tuple(peer.strip() for peer in environment.get("ROS_STATIC_PEERS", "").split(";") if peer.strip())
    for peer in peers:
        if not PEER.fullmatch(peer):
            raise UsageError(f"ROS_STATIC_PEERS: {peer!r} is no host name or address")
    return reach, () if reach == "off" else peers


def cyclone_config(reach: Range, peers: tuple[str, ...]) -> str:
    """Cyclone's configuration for a range of discovery."""
    hosts = "".join(
        f"<Peer address={quoteattr(peer)}/>" for peer in (*(["127.0.0.1"] if reach == "localhost" else []), *peers)
    )
    network = "<AllowMulticast>spdp</AllowMulticast>" if reach == "subnet" else LOOPBACK
    if peers and reach != "subnet":
        network = "<AllowMulticast>false</AllowMulticast>"
    return (
        f'<CycloneDDS><Domain Id="any"><General>{network}{SIZES}</General>'
        f"<Discovery>{INDEXES}<Peers>{hosts}</Peers></Discovery></Domain></CycloneDDS>"
    )
