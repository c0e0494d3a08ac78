import { queryOptions } from '@tanstack/react-query'

/** What `/webapi/ping` tells everybody. */
export interface ProxyDescription {
  readonly cluster_name: string
  readonly server_version: string
}

export const proxyQuery = queryOptions<ProxyDescription>({
  queryKey: ['proxy'],
  queryFn: async () => {
    const response = await fetch('/webapi/ping', { signal: AbortSignal.timeout(10_000) })
    if (!response.ok) throw new Error(`the proxy answered ${response.status}`)
    return (await response.json()) as ProxyDescription
  },
})
