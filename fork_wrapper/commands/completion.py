"""`kft completion`: the scripts that shells use to ask kft for completions, and kft's side of the exchange.

All four shells send the line up to the cursor and get one line per word: the word, a tab, its help. If kft offers
nothing, the shell offers files.
"""

import os
from typing import ClassVar

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, split_arg_string

from fork_wrapper.commands import output

EPILOG = """\b
In ~/.bashrc:                    eval "$(kft completion bash)"
In ~/.zshrc, behind compinit:    eval "$(kft completion zsh)"
For fish:                        kft completion fish > ~/.config/fish/completions/kft.fish
In the $PROFILE of PowerShell:   kft completion powershell | Out-String | Invoke-Expression
"""

VARIABLE = "_KFT_COMPLETE"
"""The environment variable that a shell sets to ask for completions; the name is click's convention."""

_BASH = r"""%(complete_func)s() {
    local line="${COMP_LINE:0:COMP_POINT}" answer
    local word="${line##*[[:space:]]}"
    local before="${word%%"${word##*[$COMP_WORDBREAKS]}"}"  # what bash takes for words of its own
    before="${before%%@}"  # but an @ it takes for a part of what follows
    COMPREPLY=()
    while IFS= read -r answer; do
        [[ -n $answer ]] || continue
        answer="${answer%%%%$'\t'*}"
        COMPREPLY+=("${answer#"$before"}")
    done < <(COMP_WORDS="$line" %(complete_var)s=bash_complete "$1" 2>/dev/null)
    [[ ${#COMPREPLY[@]} == 1 && $answer$COMPREPLY == *[=:@] ]] && compopt -o nospace
}
complete -o bashdefault -o default -F %(complete_func)s %(prog_name)s
"""

_ZSH = r"""#compdef %(prog_name)s
%(complete_func)s() {
    local -a described plain
    local answer word
    while IFS= read -r answer; do
        [[ -n $answer ]] || continue
        word="${answer%%%%$'\t'*}"
        if [[ $answer == *$'\t' ]]; then plain+=("$word"); else described+=("${word//:/\\:}:${answer#*$'\t'}"); fi
    done < <(COMP_WORDS="${(j: :)words[1,CURRENT-1]} $PREFIX" %(complete_var)s=zsh_complete "$words[1]" 2>/dev/null)
    (( $#described )) && _describe -V unsorted described
    (( $#plain )) && compadd -S '' -- "${(@)plain:#^*[=:@]}"
    (( $#plain )) && compadd -- "${(@)plain:#*[=:@]}"
    (( $#described + $#plain )) || _files
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""

_FISH = r"""function %(complete_func)s
    set -l answers (COMP_WORDS=(commandline -cp) %(complete_var)s=fish_complete %(prog_name)s 2>/dev/null)
    set answers (string match --regex '.+' -- $answers)
    if test (count $answers) -gt 0
        printf '%%s\n' $answers
    else
        __fish_complete_path (commandline -ct)
    end
end
complete --no-files --command %(prog_name)s --arguments '(%(complete_func)s)'
"""

_POWERSHELL = r"""Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $line = $commandAst.ToString()
    $length = $cursorPosition - $commandAst.Extent.StartOffset
    $line = if ($length -gt $line.Length) { "$line " } else { $line.Substring(0, $length) }
    $env:COMP_WORDS = $line
    $env:%(complete_var)s = 'powershell_complete'
    try {
        & %(prog_name)s 2>$null | Where-Object { $_ } | ForEach-Object {
            $word, $help = $_ -split "`t", 2
            $tip = if ($help) { $help } else { $word }
            [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $tip)
        }
    } finally {
        Remove-Item Env:COMP_WORDS, Env:%(complete_var)s -ErrorAction SilentlyContinue
    }
}
"""


class _Answer(ShellComplete):
    """kft's answer to a shell."""

    name: ClassVar[str] = ""
    source_template: ClassVar[str] = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor and the word under it."""
        line = os.environ.get("COMP_WORDS", "")
        words = split_arg_string(line)[1:]
        return (words, "") if not words or line[-1:].isspace() else (words[:-1], words[-1])

    def format_completion(self, item: CompletionItem) -> str:
        """Format a word and its help; other types are left to the shell, which completes files itself."""
        return f"{item.value}\t{item.help or ''}" if item.type == "plain" else ""

    def complete(self) -> str:
        """Return all completions, one per line."""
        lines = super().complete().split("\n")
        return "\n".join(line for line in lines if line)


SHELLS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH, "powershell": _POWERSHELL}


def register() -> None:
    """Register the completion classes with click, which finds them by shell name."""
    for name, template in SHELLS.items():
        add_completion_class(type(name, (_Answer,), {"name": name, "source_template": template}), name)


@click.command(name="completion", epilog=EPILOG, short_help="Print the script that completes kft's words in a shell.")
@click.argument("shell", type=click.Choice(tuple(SHELLS)))
def command(shell: str) -> None:
    """Print the script by which SHELL completes verbs, options, experiments, runs, checkpoints, keys and values."""
    values = {"complete_func": "_kft_completion", "complete_var": VARIABLE, "prog_name": "kft"}
    output.print_text(SHELLS[shell] % values)
