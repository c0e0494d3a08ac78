import { useQuery } from '@tanstack/react-query'
import type { JSX } from 'react'
import { Code, CommandLine } from '../../components/ui/command-line.tsx'
import { Message } from '../../components/ui/message.tsx'
import { formatLoginCommand, formatProxyAddress } from '../../lib/format.ts'
import { proxyQuery } from './api.ts'

/** What this address is, for whoever comes with a browser. Everything but the names holds without an answer. */
export function HomePage(): JSX.Element {
  const { data } = useQuery(proxyQuery)
  const proxy = formatProxyAddress(window.location)
  return (
    <Message title={data === undefined ? 'A Teleport proxy' : data.cluster_name} kind="plain">
      <p>
        This is a Teleport proxy: the way to Kubernetes clusters for everybody who has a login here.
        It is used from a terminal.
      </p>
      <h2 className="text-base font-semibold text-ink">Log in</h2>
      <CommandLine command={formatLoginCommand(proxy, null)} />
      <CommandLine command="kubectl get pods" />
      <h2 className="text-base font-semibold text-ink">No login yet, or no password any more?</h2>
      <p>
        Ask your administrator for a link. <Code>tctl users add</Code> makes one for somebody new,{' '}
        <Code>tctl users reset</Code> one for a new password.
      </p>
      {data === undefined ? null : <p className="text-sm/6">Version {data.server_version}</p>}
    </Message>
  )
}
