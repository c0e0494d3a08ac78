export type {
  AdminIdentity,
  HostIdentity,
  HostService,
  Identity,
  LoginKind,
  Traits,
  UserIdentity,
} from './identity.ts'
