/** What auditors read; `namespace` and `name` are where an event says what it is about. */
const eventsView = (namespace: string, name: string): string =>
  `CREATE VIEW audit_events AS SELECT
     id,
     uid,
     time,
     event,
     body ->> '$.code' AS code,
     body ->> '$.cluster_name' AS cluster_name,
     user,
     body ->> '$."addr.remote"' AS address,
     kube_cluster,
     body ->> '$.kube_verb' AS kube_verb,
     body ->> '$.resource_api_group' AS api_group,
     body ->> '$.resource_kind' AS resource,
     body ->> '$.resource_subresource' AS subresource,
     ${namespace} AS namespace,
     ${name} AS name,
     body ->> '$.kubernetes_users[0]' AS impersonated_user,
     (SELECT group_concat(value, ',') FROM json_each(body, '$.kubernetes_groups')) AS impersonated_groups,
     body ->> '$.response_code' AS response_code,
     body ->> '$.outcome' AS outcome,
     body ->> '$.decided_by' AS decided_by,
     body ->> '$.bytes_sent' AS bytes_sent,
     body ->> '$.bytes_received' AS bytes_received,
     body ->> '$.duration_ms' AS duration_ms,
     body ->> '$.server_id' AS server_id,
     final,
     body
   FROM audit_log;`

/** The schema is documented for auditors in docs/audit-schema.md; every change is a new step. */
export const AUDIT_STEPS = [
  `CREATE TABLE audit_events (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     uid TEXT NOT NULL UNIQUE,
     time TEXT NOT NULL,
     event TEXT NOT NULL,
     code TEXT NOT NULL,
     cluster_name TEXT NOT NULL,
     user TEXT,
     address TEXT,
     kube_cluster TEXT,
     kube_verb TEXT,
     api_group TEXT,
     resource TEXT,
     subresource TEXT,
     namespace TEXT,
     name TEXT,
     impersonated_user TEXT,
     impersonated_groups TEXT,
     response_code INTEGER,
     outcome TEXT,
     decided_by TEXT,
     bytes_sent INTEGER,
     bytes_received INTEGER,
     duration_ms REAL,
     server_id TEXT,
     final INTEGER NOT NULL CHECK (final IN (0, 1)),
     body TEXT NOT NULL
   ) STRICT;
   CREATE INDEX audit_events_by_time ON audit_events (time, id);
   CREATE INDEX audit_events_by_user ON audit_events (user, time, id);
   CREATE INDEX audit_events_by_kube_cluster ON audit_events (kube_cluster, time, id);
   CREATE INDEX audit_events_by_event ON audit_events (event, time, id);`,
  // What an event is found by, and the event. Everything else is read out of it when somebody asks: written as columns
  // and indexed four times over, an event cost more than twice as much as it does so.
  `CREATE TABLE audit_log (
     id INTEGER PRIMARY KEY,
     uid TEXT NOT NULL UNIQUE,
     time TEXT NOT NULL,
     event TEXT NOT NULL,
     user TEXT,
     kube_cluster TEXT,
     final INTEGER NOT NULL CHECK (final IN (0, 1)),
     body TEXT NOT NULL
   ) STRICT;
   INSERT INTO audit_log SELECT id, uid, time, event, user, kube_cluster, final, body FROM audit_events;
   DROP TABLE audit_events;
   CREATE INDEX audit_log_by_time ON audit_log (time);
   CREATE INDEX audit_log_by_user ON audit_log (user, time);
   CREATE INDEX audit_log_by_kube_cluster ON audit_log (kube_cluster, time);
   CREATE INDEX audit_log_by_event ON audit_log (event, time) WHERE event <> 'kube.request';
   ${eventsView(
     `body ->> '$.resource_namespace'`,
     `body ->> CASE event WHEN 'kube.request' THEN '$.resource_name' ELSE '$.name' END`,
   )}`,
  // Events of sessions say their pod in fields of their own.
  `DROP VIEW audit_events;
   ${eventsView(
     `coalesce(body ->> '$.resource_namespace', body ->> '$.kubernetes_pod_namespace')`,
     `coalesce(body ->> '$.resource_name', body ->> '$.name', body ->> '$.kubernetes_pod_name')`,
   )}`,
] as const
