import { type FieldProblem, invalidValue, required, unsupportedValue } from '../api-error.ts'
import { at, isObject, type Json, type JsonObject, listAt, put, textAt } from '../json.ts'
import { isDnsLabel } from './names.ts'

/** What Kubernetes fills in where a pod leaves it open. Changes the spec. */
export function defaultPodSpec(spec: JsonObject): void {
  fill(spec, {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  })
  const account = textAt(spec, 'serviceAccountName') || textAt(spec, 'serviceAccount')
  if (account !== '') {
    spec['serviceAccountName'] = account
    spec['serviceAccount'] = account
  }
  for (const container of [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')]) {
    if (isObject(container)) defaultContainer(container)
  }
  for (const volume of listAt(spec, 'volumes')) {
    if (isObject(volume)) defaultVolume(volume)
  }
}

function defaultContainer(container: JsonObject): void {
  const image = textAt(container, 'image')
  const tag = /:([^:/@]+)(?:@|$)/.exec(image)?.[1]
  const latest = !image.includes('@') && (tag === undefined || tag === 'latest')
  fill(container, {
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: latest ? 'Always' : 'IfNotPresent',
    resources: {},
  })
  for (const port of listAt(container, 'ports')) {
    if (isObject(port)) fill(port, { protocol: 'TCP' })
  }
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = at(container, name)
    if (!isObject(probe)) continue
    fill(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 })
    const get = at(probe, 'httpGet')
    if (isObject(get)) fill(get, { path: '/', scheme: 'HTTP' })
  }
  for (const variable of listAt(container, 'env')) {
    const reference = at(variable, 'valueFrom', 'fieldRef')
    if (isObject(reference)) fill(reference, { apiVersion: 'v1' })
  }
}

function defaultVolume(volume: JsonObject): void {
  const sources = Object.keys(volume).filter((key) => key !== 'name')
  if (sources.length === 0) put(volume, ['emptyDir'], {})
  for (const name of ['configMap', 'secret', 'projected', 'downwardAPI']) {
    const source = at(volume, name)
    if (isObject(source)) fill(source, { defaultMode: 420 })
  }
}

export function fill(object: JsonObject, defaults: JsonObject): void {
  for (const [key, value] of Object.entries(defaults)) {
    if (!Object.hasOwn(object, key)) object[key] = structuredClone(value)
  }
}

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'] as const

/** The rules that people run into; Kubernetes has more. */
export function validatePodSpec(
  spec: JsonObject,
  path: string,
  onlyAlways: boolean,
): FieldProblem[] {
  const problems: FieldProblem[] = []
  const containers = listAt(spec, 'containers')
  if (containers.length === 0) problems.push(required(`${path}.containers`))
  const seen = new Set<string>()
  for (const [list, items] of [
    ['initContainers', listAt(spec, 'initContainers')],
    ['containers', containers],
  ] as const) {
    for (const [index, container] of items.entries()) {
      problems.push(...validateContainer(container, `${path}.${list}[${index}]`, seen))
    }
  }
  const policy = textAt(spec, 'restartPolicy')
  const allowed = onlyAlways ? ['Always'] : RESTART_POLICIES
  if (!(allowed as readonly string[]).includes(policy)) {
    problems.push(unsupportedValue(`${path}.restartPolicy`, policy, allowed))
  }
  const volumes = new Set(listAt(spec, 'volumes').map((volume) => textAt(volume, 'name')))
  for (const [index, container] of containers.entries()) {
    for (const [at_, mount] of listAt(container, 'volumeMounts').entries()) {
      const name = textAt(mount, 'name')
      if (volumes.has(name)) continue
      problems.push({
        reason: 'FieldValueInvalid',
        field: `${path}.containers[${index}].volumeMounts[${at_}].name`,
        message: `Not found: ${JSON.stringify(name)}`,
      })
    }
  }
  return problems
}

function validateContainer(container: Json, path: string, seen: Set<string>): FieldProblem[] {
  const problems: FieldProblem[] = []
  const name = textAt(container, 'name')
  if (name === '') problems.push(required(`${path}.name`))
  else if (!isDnsLabel(name)) {
    problems.push(invalidValue(`${path}.name`, name, DNS_LABEL_WORDS))
  } else if (seen.has(name)) {
    problems.push({
      reason: 'FieldValueDuplicate',
      field: `${path}.name`,
      message: `Duplicate value: ${JSON.stringify(name)}`,
    })
  }
  seen.add(name)
  if (textAt(container, 'image').trim() === '') problems.push(required(`${path}.image`))
  for (const [index, port] of listAt(container, 'ports').entries()) {
    const number = at(port, 'containerPort')
    if (typeof number !== 'number' || number < 1 || number > 65_535) {
      problems.push(
        invalidValue(
          `${path}.ports[${index}].containerPort`,
          number ?? 0,
          'must be between 1 and 65535, inclusive',
        ),
      )
    }
  }
  return problems
}

const DNS_LABEL_WORDS =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
