/** Why the embedded API does not behave like kube-apiserver yet, and where: names of behaviours in `api/`. */
export interface KnownDifference {
  reason: string;
  behaviours: readonly string[];
}

/** The runner requires each of these to fail, so that the list can only shrink. */
export const knownDifferences: readonly KnownDifference[] = [
  {
    reason:
      'OpenAPI documents do not carry the names, kinds, merge keys and descriptions of built-in kinds, nor hashes',
    behaviours: [
      'OpenAPI v3 lists a document for each group version, with a hash in its URL',
      'OpenAPI v3 documents say which kind a schema and a path are of',
      'OpenAPI v2 has definitions with their kinds and merge keys',
      'kubectl explain finds descriptions in OpenAPI v3',
    ],
  },
  {
    reason: 'Namespaces can be deleted all at once, which kube-apiserver does not allow',
    behaviours: ['a resource list carries short names, categories, scope and verbs', 'DELETE of all namespaces is 405'],
  },
  {
    reason: 'a body must name its apiVersion and kind',
    behaviours: ['a body without apiVersion and kind is taken as what the path is for'],
  },
  { reason: '/readyz has no checks to list', behaviours: ['/readyz?verbose lists its checks'] },
  { reason: 'clusterIPs is not filled for headless Services', behaviours: ['a headless Service keeps None'] },
  {
    reason: 'Namespaces do not get their name as a label',
    behaviours: ['a namespace carries its name as a label and the kubernetes finalizer'],
  },
  {
    reason: 'refused by the schema, in its words instead of those of the built-in validation',
    behaviours: [
      'a Pod without containers is refused',
      'two containers of one name are refused',
      'a port outside 1..65535 is refused',
      'a quantity that cannot be parsed is refused',
      'Secret data that is not base64 is refused',
      'a Deployment with negative replicas is refused',
      'a Job whose Pods always restart is refused',
    ],
  },
  { reason: 'requests are not compared with limits', behaviours: ['a request above its limit is refused'] },
  { reason: 'finalizer names are not validated', behaviours: ['a finalizer without a domain is refused'] },
  {
    reason: 'refused in other words',
    behaviours: [
      'a field selector on another field is refused',
      'an unknown dryRun value is refused',
      'an unknown fieldValidation value is refused',
      'fieldValidation=Strict holds for patches',
      'SubjectAccessReview follows a Role and its RoleBinding',
      'an object is served at every served version, and a deprecated one warns',
      'nothing is created in a namespace that is being deleted',
    ],
  },
  { reason: 'duplicate JSON fields are not noticed', behaviours: ['fieldValidation=Strict refuses duplicate fields'] },
  { reason: 'PUT never creates', behaviours: ['PUT creates a Lease that is not there: a kind may allow it'] },
  {
    reason: 'the garbage collector leaves an empty or unchanged list of owners',
    behaviours: ['orphaned dependents stay without their owner', 'a dependent with a second living owner stays'],
  },
  {
    reason: 'there is no binding subresource',
    behaviours: ['Pods can be watched by node: being bound to it is ADDED'],
  },
  { reason: 'the deprecated /watch/ paths are not served', behaviours: ['the old watch path still works'] },
  {
    reason: 'answers are JSON whatever is accepted, and never compressed',
    behaviours: [
      'an Accept that cannot be met is 406',
      'Accept: application/yaml is answered with YAML',
      'large answers are compressed when the client asks',
    ],
  },
  {
    reason: 'one history for all kinds: a watch from resourceVersion 1 is served as long as nothing was compacted',
    behaviours: ['a watch from before the history of a kind gets 410 Expired'],
  },
  {
    reason: 'there is no validation ratcheting',
    behaviours: ['an unchanged value that has become invalid does not block an update (ratcheting)'],
  },
];
