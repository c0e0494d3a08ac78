/**
 * demo is a Kubernetes API server without a Kubernetes: objects in memory, controllers that make pods of deployments, pods that
 * run nothing. It is there for whoever has no cluster and wants to see the product work, and for tests. It says so: in its version,
 * its node, its namespaces and its logs.
 *
 * Trusts: whoever knows its token, and then the names that he impersonates: RBAC over them is enforced as Kubernetes does.
 * Refuses: everybody else, everything beyond its limits (limits.ts), and to start a process or open a file: `exec` is a small
 * interpreter of its own.
 * Keeps nothing: what is in it is gone when it is disposed. What it is and is not: docs/demo-cluster.md.
 * Test: beside the code; test/conformance/kube-api holds it against the same sentences as real clusters.
 */
export {
  DEMO_CLUSTER_NAME,
  type DemoCluster,
  type DemoClusterOptions,
  openDemoCluster,
} from './open-demo-cluster.ts'
