"""Settings of the page and the HTTP API."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from streamer.config.section import Section


class WebSettings(Section):
    """The page and the HTTP API. Beyond this machine they need a token or users, and TLS."""

    host: str = Field(
        "127.0.0.1", min_length=1, description="address to listen on; beyond this machine it needs access control"
    )
    port: int = Field(8080, ge=0, le=65535, description="0: any free port")
    token: Path | None = Field(None, description="a file from `streamer access token FILE`")
    users: Path | None = Field(None, description="a file from `streamer access user FILE NAME`")
    certificate: Path | None = Field(None, description="PEM, with the chain; needs the key")
    key: Path | None = Field(None, description="PEM")
    names: tuple[str, ...] = Field((), description="further host names of this server")
    proxies: tuple[str, ...] = Field(
        (), description="addresses of reverse proxies whose X-Forwarded-For, -Proto and -Host are believed"
    )

    @field_validator("proxies")
    @classmethod
    def _are_addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                ip_network(proxy, strict=False)
            except ValueError:
                raise ValueError(f"{proxy!r:.80} is no address or network, such as 127.0.0.1 or 10.0.0.0/8") from None
        return proxies

    @model_validator(mode="after")
    def _has_both(self) -> WebSettings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        return self
