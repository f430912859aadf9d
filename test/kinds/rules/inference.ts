import { times, long, tooMany, tooLong, object, array, r0, type BadRow, type GoodRow } from './manifest.ts';

/** The rules of epp.md 1. */

export const bad: readonly BadRow[] = [
  ['InferencePool', { selector: undefined }, 'spec.selector', 'Required value'],
  ['InferencePool', { 'selector.matchLabels': {} }, 'spec.selector.matchLabels', 'should have at least 1 properties'],
  [
    'InferencePool',
    { 'selector.matchLabels': Object.fromEntries(times(65, (i) => [`k${i}`, 'v'])) },
    'spec.selector.matchLabels',
    tooMany(65, 64),
  ],
  ['InferencePool', { 'selector.matchLabels': { app: long(64) } }, 'spec.selector.matchLabels.app', tooLong(63)],
  ['InferencePool', { targetPorts: [] }, 'spec.targetPorts', 'should have at least 1 items'],
  ['InferencePool', { targetPorts: times(9, (i) => ({ number: 8000 + i })) }, 'spec.targetPorts', tooMany(9, 8)],
  [
    'InferencePool',
    { targetPorts: [{ number: 8000 }, { number: 8000 }] },
    'spec.targetPorts',
    array('port number must be unique'),
  ],
  [
    'InferencePool',
    { targetPorts: [{ number: 0 }] },
    'spec.targetPorts[0].number',
    'should be greater than or equal to 1',
  ],
  [
    'InferencePool',
    { targetPorts: [{ number: 65536 }] },
    'spec.targetPorts[0].number',
    'should be less than or equal to 65535',
  ],
  [
    'InferencePool',
    { appProtocol: 'https' },
    'spec.appProtocol',
    'Unsupported value: "https": supported values: "http", "kubernetes.io/h2c"',
  ],
  [
    'InferencePool',
    { endpointPickerRef: { name: 'epp' } },
    'spec.endpointPickerRef',
    object("port is required when kind is 'Service' or unspecified (defaults to 'Service')"),
  ],
  ['InferencePool', { 'endpointPickerRef.name': undefined }, 'spec.endpointPickerRef.name', 'Required value'],
  [
    'InferencePool',
    { 'endpointPickerRef.failureMode': 'Fail' },
    'spec.endpointPickerRef.failureMode',
    'Unsupported value: "Fail": supported values: "FailOpen", "FailClose"',
  ],
  ['InferencePool', { 'endpointPickerRef.group': 'Bad_Group' }, 'spec.endpointPickerRef.group', 'should match'],
  ['InferencePool v1alpha2', { targetPortNumber: 0 }, 'spec.targetPortNumber', 'should be greater than or equal to 1'],
  ['InferencePool v1alpha2', { extensionRef: undefined }, 'spec.extensionRef', 'Required value'],
  ['InferenceObjective', { poolRef: undefined }, 'spec.poolRef', 'Required value'],
  ['InferenceModelRewrite', { 'rules.0.targets': [] }, `${r0}.targets`, 'should have at least 1 items'],
  [
    'InferenceModelRewrite',
    { 'rules.0.targets': [{ modelRewrite: 'a', weight: 1 }, { modelRewrite: 'b' }] },
    `${r0}.targets`,
    array('Weights must be specified for either all targets or none.'),
  ],
  [
    'InferenceModelRewrite',
    { 'rules.0.targets': [{ modelRewrite: 'a', weight: 1_000_001 }] },
    `${r0}.targets[0].weight`,
    'should be less than or equal to 1000000',
  ],
  [
    'InferenceModelRewrite',
    { 'rules.0.matches': [{ model: { value: '' } }] },
    `${r0}.matches[0].model.value`,
    'should be at least 1 chars long',
  ],
];

export const good: readonly GoodRow[] = [
  ['InferencePool', { endpointPickerRef: undefined }],
  ['InferencePool', { endpointPickerRef: { name: 'epp', kind: 'Picker', group: 'a.test' } }],
  ['InferencePool', { targetPorts: times(8, (i) => ({ number: 8000 + i })), appProtocol: 'kubernetes.io/h2c' }],
  ['InferenceModelRewrite', { 'rules.0.targets': times(2, () => ({ modelRewrite: 'm', weight: 1_000_000 })) }],
];
