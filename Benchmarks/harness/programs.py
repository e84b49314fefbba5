"""The programs and packages that a run needs: finding them, and installing what is missing."""

import os
import shutil
import subprocess
from pathlib import Path

from .children import Failure

_PACKAGES = {"nginx": "nginx", "haproxy": "haproxy", "hitch": "hitch", "caddy": "caddy", "node": "nodejs",
             "valgrind": "valgrind", "openssl": "openssl", "cc": "gcc", "nm": "binutils", "h2load": "nghttp2-client"}
_FILES = {"/usr/include/openssl/ssl.h": "libssl-dev", "/usr/include/nghttp2/nghttp2.h": "libnghttp2-dev",
          "/usr/include/zlib.h": "zlib1g-dev"}
WS_LIBRARY = Path("/usr/share/nodejs/ws")


def find_program(name):
    """A program's path; Debian keeps servers in /usr/sbin, which is not on everyone's PATH."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def install_missing(programs):
    """Installs what is not there, as root; otherwise says what to type."""
    packages = sorted({_PACKAGES[name] for name in programs if find_program(name) is None})
    packages += [package for file, package in _FILES.items() if not Path(file).exists()]
    if "node" in programs and not WS_LIBRARY.exists():
        packages.append("node-ws")
    if "gcc" in packages or not Path("/usr/include/stdio.h").exists():
        packages.append("libc6-dev")
    if not packages:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Failure("missing: " + " ".join(packages) + "\nInstall with: sudo " + " ".join(command))
    print("installing", *packages, flush=True)
    if subprocess.run(command, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}).returncode != 0:
        raise Failure("failed: " + " ".join(command) + "\nTry `apt-get update` first.")
