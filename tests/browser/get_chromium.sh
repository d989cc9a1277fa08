#!/bin/sh
# Installs Chromium for the tests of pages where that needs nobody's password, and says so where it can not.
# Always succeeds: without a browser those tests are skipped, or fail if OPENMIMC_REQUIRE_BROWSER is 1.
set -u

[ -n "${OPENMIMC_CHROMIUM:-}" ] && exit 0
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null && exit 0
done

if ! command -v apt-get >/dev/null; then
    reason='this system has no apt-get'
elif [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
    reason='that takes root, and sudo asks for a password'
else
    as_root=
    [ "$(id -u)" -ne 0 ] && as_root='sudo -n'
    echo 'Installing Chromium for the tests of pages.' >&2
    # With a font for the Chinese pages, or their screenshots show boxes.
    if $as_root apt-get -qq update >&2 &&
        $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get -qq install --yes --no-install-recommends chromium fonts-wqy-microhei >&2; then
        exit 0
    fi
    reason='apt-get failed, see above'
fi

cat >&2 <<MESSAGE
================================================================================
THE TESTS OF PAGES WILL NOT RUN: there is no Chromium, and it was not installed:
$reason.
Install it (Debian: apt-get install chromium), or give its path as
OPENMIMC_CHROMIUM, and run again.
================================================================================
MESSAGE
