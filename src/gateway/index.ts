/**
 * gateway is the public door for Kubernetes clients, `tsh` and `tctl`: it reads the ClientHello, picks the way, and moves
 * ciphertext. It holds no key of any cluster.
 *
 * Trusts: the router. Refuses: connections whose ClientHello does not come whole and in time, names that nobody serves
 * (TLS alert unrecognized_name), and more connections than its limits. Test: gateway.test.ts with real TLS both sides.
 */
export { createGateway, type Gateway, type GatewayStats } from './gateway.ts'
export { defaultGatewayLimits, type GatewayLimits } from './limits.ts'
export type { DialBacks, Origin, Route, RouteRequest, Router } from './ports.ts'
