/**
 * join decides who becomes a member: join tokens, the members that came with them, and which lineage a Kubernetes cluster's
 * name belongs to, and which dynamic clusters a token gives to its members. A lineage is the token that a member came with; it is how members prove that they belong together.
 *
 * Trusts: the storage behind it. Refuses: to keep a token (only its hash is stored, one of the configuration file not even
 * that), to say why a token was not taken, tokens that can be guessed, a name or host id to anybody but its lineage, and the host
 * id of a removed member to anybody at all.
 * Test: unit tests beside the code; races and answers in test/integration/api.
 */
export { JoinError, type JoinErrorCode } from './errors.ts'
export { KubeNames, type NameOwner, OWN_LINEAGE } from './kube-names.ts'
export {
  DEFAULT_TOKEN_TTL_MS,
  MAX_TOKEN_CHARS,
  MAX_TOKEN_TTL_MS,
  MEMBER_CERTIFICATE_TTL_MS,
  MEMBER_MEMORY_MS,
} from './limits.ts'
export { type Member, Members, REMOVED_PREFIX, type Seen } from './members.ts'
export {
  isMemberService,
  type MemberService,
  memberServices,
  parseMemberServices,
} from './services.ts'
export { tokenProblem } from './token-text.ts'
export {
  isFixedToken,
  type JoinToken,
  JoinTokens,
  type KubeMatcher,
  type Labels,
  type StaticToken,
} from './tokens.ts'
