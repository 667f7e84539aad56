"""How typer's commands show their help here: flags without a type, arguments without braces."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup


class _Plain:
    """For commands and groups alike."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters; a flag has no value, so none is shown for it."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            if getattr(param, "is_flag", False):
                param.metavar = ""
        return params

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Options, then the arguments by their names: "[OPTIONS] INPUT"; in brackets those that may be left out."""
        pieces = ["[OPTIONS]"]
        for param in self.get_params(ctx):
            if param.param_type_name == "argument":
                name = param.metavar or param.name.upper()
                pieces.append(name if param.required or name.startswith("[") else f"[{name}]")
        return pieces


class Command(_Plain, TyperCommand):
    """One command."""


class Group(_Plain, TyperGroup):
    """Commands under one name."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """As typer has them."""
        return TyperGroup.collect_usage_pieces(self, ctx)
