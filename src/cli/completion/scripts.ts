export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/**
 * What a shell sources. The words come from `<program> __complete`, one a line, a tab before what they are for; the shell
 * quotes them, since names of clusters may have anything in them. Behind a word that goes on (`roles/`) no space is put.
 */
export function completionScript(program: string, shell: Shell): string {
  return SCRIPTS[shell].replaceAll('PROGRAM', program)
}

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# PROGRAM completion for bash: source <(PROGRAM completion bash)
_PROGRAM() {
  local line words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  # bash splits words at = and : too: they are put together again, and cut off what is offered.
  local joined=() part prefix=
  for part in "\${words[@]}"; do
    if [[ \${#joined[@]} -gt 0 && ( $part == [=:]* || \${joined[-1]} == *[=:] ) ]]; then
      joined[-1]+=$part
    else
      joined+=("$part")
    fi
  done
  local last=\${joined[-1]-} current=\${COMP_WORDS[COMP_CWORD]-}
  [[ $current == [=:] ]] && current=
  prefix=\${last%"$current"}
  while IFS= read -r line; do
    line=\${line%%$'\\t'*}
    [[ $line == */ ]] && compopt -o nospace 2>/dev/null
    printf -v line %q "\${line#"$prefix"}"
    COMPREPLY+=("$line")
  done < <(PROGRAM __complete "\${joined[@]}" 2>/dev/null)
}
complete -o default -F _PROGRAM PROGRAM`,
  zsh: `#compdef PROGRAM
# PROGRAM completion for zsh: source <(PROGRAM completion zsh)
_PROGRAM() {
  local line
  local -a found open
  for line in "\${(@f)$(PROGRAM __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] || continue
    local word=\${line%%$'\\t'*}
    local entry="\${word//:/\\\\:}:\${line#*$'\\t'}"
    if [[ $word == */ ]]; then open+=("$entry"); else found+=("$entry"); fi
  done
  if (( \${#found} + \${#open} )); then
    _describe PROGRAM found -- open -S ''
  else
    _files
  fi
}
if [ "$funcstack[1]" = _PROGRAM ]; then _PROGRAM "$@"; else compdef _PROGRAM PROGRAM; fi`,
  fish: `# PROGRAM completion for fish: PROGRAM completion fish | source
function __PROGRAM_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found (PROGRAM __complete $words[2..-1] 2>/dev/null)
  if set -q found[1]
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c PROGRAM -f -a '(__PROGRAM_complete)'`,
}
