"""vLLM's own tests of its connection and its media connector, over the adapter in ``docs/examples/vllm``.

Args: a folder that holds the source distribution of vLLM, and arguments for pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
TESTS = (
    "tests/test_connections.py",
    "tests/test_audio_media_size_precheck.py",
    "tests/multimodal/media/test_base.py",
    "tests/multimodal/media/test_connector.py",
    "tests/multimodal/media/test_unprocessable_entity_error.py",
)
# These replace ``get_response`` by objects with the interface of requests or aiohttp, which the adapter does not use.
# The tests in docs/examples/vllm check the same rules on real servers.
PATCHES = (
    "tests/test_connections.py::test_get_bytes_with_limit_streams_instead_of_materializing",
    "tests/test_connections.py::test_async_get_bytes_with_limit_streams_instead_of_materializing",
    "tests/test_connections.py::test_request_download_budget_counts_across_responses",
    "tests/test_connections.py::test_async_request_download_budget_counts_across_responses",
    "tests/test_connections.py::test_request_download_budget_counts_retried_attempts",
    "tests/test_connections.py::test_async_request_download_budget_counts_retried_attempts",
    "tests/test_audio_media_size_precheck.py::test_sync_http_reader_rejects_from_content_length_before_body_read",
    "tests/test_audio_media_size_precheck.py::test_async_http_reader_stops_after_first_over_limit_chunk",
)
# These fetch videos from a bucket of vLLM.
REMOTE = "not fetch_video_http and not allowed_media_domains"
IMAGES = {
    "2560px-Gfp-wisconsin-madison-the-nature-boardwalk.jpg": "RGB",
    "Grayscale_8bits_palette_sample_image.png": "L",
    "1280px-Venn_diagram_rgb.svg.png": "RGBA",
    "RGBA_comp.png": "RGBA",
}


def make_images(folder: Path) -> None:
    """Make the images that the tests would otherwise fetch from a bucket of vLLM."""
    folder.mkdir(parents=True)
    for name, mode in IMAGES.items():
        Image.radial_gradient("L").convert(mode).save(folder / name)


def main(folder: Path, *args: str) -> int:
    (archive,) = folder.glob("vllm-*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    make_images(folder / "assets" / "vllm_public_assets")
    plugin = "from docs.examples.vllm.connections import install\n\ninstall()\n"
    (folder / "over_httpconn.py").write_text(plugin)
    path = os.pathsep.join((".", str(folder), str(ROOT)))
    environment = {"PYTHONPATH": path, "VLLM_ASSETS_CACHE": str(folder / "assets"), "VLLM_TARGET_DEVICE": "cpu"}
    skipped = [f"--deselect={name}" for name in PATCHES]
    command = [sys.executable, "-m", "pytest", "-p", "over_httpconn", *TESTS, *skipped, "-k", REMOTE, *args]
    source = folder / archive.name.removesuffix(".tar.gz")
    return subprocess.run(command, cwd=source, env=os.environ | environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), *sys.argv[2:]))
