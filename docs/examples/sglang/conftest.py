"""SGLang's loaders as stubs, if SGLang is not installed."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any


def loader(name: str) -> Any:
    def load(source: Any, *args: Any, **options: Any) -> Any:
        return name, source, args, options

    return load


if importlib.util.find_spec("sglang") is None:
    modules = {
        name: ModuleType(name) for name in ("sglang", "sglang.srt", "sglang.srt.utils", "sglang.srt.utils.common")
    }
    sys.modules.update(modules)
    common = modules["sglang.srt.utils"].common = modules["sglang.srt.utils.common"]
    for name in ("load_image", "get_image_bytes", "load_audio", "load_video"):
        setattr(common, name, loader(name))
