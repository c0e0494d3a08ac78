export type {
  AuditEvent,
  AuditLog,
  AuditPage,
  AuditQuery,
  AuditReader,
  AuditSink,
  ConnectionFields,
  EventBase,
  GenericEvent,
  KubeRequestEvent,
  UserFields,
} from './types.ts'
