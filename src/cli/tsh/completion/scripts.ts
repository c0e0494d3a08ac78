export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/**
 * What a shell sources. The words come from `tsh __complete`, one a line, a tab before what they are for; the shell quotes
 * them, since names of clusters may have anything in them.
 */
export const completionScript: Readonly<Record<Shell, string>> = {
  bash: `# tsh completion for bash: source <(tsh completion bash)
_tsh() {
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
    printf -v line %q "\${line#"$prefix"}"
    COMPREPLY+=("$line")
  done < <(tsh __complete "\${joined[@]}" 2>/dev/null)
}
complete -o default -F _tsh tsh`,
  zsh: `#compdef tsh
# tsh completion for zsh: source <(tsh completion zsh)
_tsh() {
  local line
  local -a found
  for line in "\${(@f)$(tsh __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( \${#found} )); then _describe tsh found; else _files; fi
}
if [ "$funcstack[1]" = _tsh ]; then _tsh "$@"; else compdef _tsh tsh; fi`,
  fish: `# tsh completion for fish: tsh completion fish | source
function __tsh_complete
  set -l words (commandline -opc) (commandline -ct)
  tsh __complete $words[2..-1] 2>/dev/null
end
complete -c tsh -a '(__tsh_complete)'`,
}
