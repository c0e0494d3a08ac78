import { CliError } from '../../errors.ts'

/**
 * Fills `--set-context-name`, a template in Go's notation with two variables: `{{.ClusterName}}`, the Teleport cluster, and
 * `{{.KubeName}}`. Throws CliError USAGE for anything else between braces.
 */
export function contextName(
  template: string,
  names: { readonly teleportCluster: string; readonly kubeCluster: string },
): string {
  const known: Readonly<Record<string, string>> = {
    ClusterName: names.teleportCluster,
    KubeName: names.kubeCluster,
  }
  if (/\{\{|\}\}/.test(template.replaceAll(VARIABLE, ''))) throw invalid(template)
  // In one pass, so that a cluster's name with braces in it is not read again.
  const name = template.replaceAll(VARIABLE, (_, variable: string) => {
    const value = Object.hasOwn(known, variable) ? known[variable] : undefined
    if (value === undefined) throw invalid(template)
    return value
  })
  if (name === '') throw invalid(template)
  return name
}

const VARIABLE = /\{\{\s*\.(\w+)\s*\}\}/g

const invalid = (template: string): CliError =>
  new CliError('USAGE', `--set-context-name=${template} is not a template for a context name`, {
    hint: 'it may have {{.ClusterName}} and {{.KubeName}} in it, like "{{.KubeName}}"',
  })
