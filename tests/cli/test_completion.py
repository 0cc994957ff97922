"""The Tab key in bash, with the script that ``--install-completion`` writes."""

import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import run

MODULES = {"sessiond": "sessiond.cli", "sessionctl": "sessiond.cli.sessionctl"}

#: What bash does at Tab: ask which function completes the program, call it, take the answers.
PRESS_TAB = """
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
[[ $(complete -p "$1") =~ -F\\ ([^ ]+) ]] && "${BASH_REMATCH[1]}" "$1" "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def install(program: str, folder: Path) -> Path:
    """Install the script in *folder*, as a user whose home that is."""
    script = folder / f"{program}.bash"
    done = run(
        MODULES[program],
        ["--install-completion", "--shell", "bash", "--output", str(script)],
        folder,
        HOME=str(folder),
    )
    assert done.code == 0, done.err
    return script


def complete(script: Path, *words: str) -> set[str]:
    """Press Tab after *words*."""
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", PRESS_TAB, "bash", str(script), *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "answers"),
    [
        (["sessiond", "s"], {"serve"}),
        (["sessiond", "serve", "--log-l"], {"--log-level"}),
        (["sessionctl", "s"], {"send", "show", "stats", "stop"}),
        (["sessionctl", "ls", "--ph"], {"--phase"}),
        (["sessionctl", "ls", "--phase", "a"], {"attached", "awake"}),
        (["sessionctl", "--socket", "x.sock", "dr"], {"drain"}),
        (["sessionctl", "gateways", "r"], {"resume"}),
        (["sessionctl", "--json", "dead-letters", ""], {"ls", "retry", "drop"}),
    ],
)
def test_words_are_completed(words: list[str], answers: set[str], tmp_path: Path) -> None:
    """Commands, their commands, options and choices; also after options of all commands."""
    assert answers == complete(install(words[0], tmp_path), *words)


def test_the_shell_finds_the_script_next_time(tmp_path: Path) -> None:
    """A line in the user's own start-up file loads it; installed twice there is one line."""
    script = install("sessionctl", tmp_path)
    install("sessionctl", tmp_path)
    lines = (tmp_path / ".bashrc").read_text().splitlines()

    assert 1 == sum(str(script) in line and not line.startswith("#") for line in lines)
