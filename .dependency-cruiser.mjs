// The floors of the house, lowest first (docs/architecture.md). A room may import rooms on lower floors only:
// never a higher one, never a neighbour on its own floor.
const floors = [
  ['kinds', 'wire'],
  ['telemetry', 'flags'],
  ['llm', 'kube', 'envoy', 'credentials'],
  ['routes', 'picker', 'limits'],
  ['reconcile', 'routing'],
  ['apiserver', 'controllers', 'local', 'extproc', 'gateway', 'mcp', 'simulator', 'llamacpp', 'admin'],
  ['app'],
  ['cli'],
];

const forbidden = floors.flatMap((rooms, floor) =>
  rooms.map((room) => ({
    name: `${room}-imports-only-down`,
    comment: `src/${room} may import only rooms on lower floors`,
    severity: 'error',
    from: { path: `^src/${room}/` },
    to: {
      path: '^src/',
      pathNot: [`^src/${room}/`, ...floors.slice(0, floor).flatMap((lower) => lower.map((r) => `^src/${r}/`))],
    },
  })),
);

export default {
  forbidden: [
    ...forbidden,
    {
      name: 'every-module-lives-in-a-room',
      severity: 'error',
      from: {},
      to: { path: '^src/', pathNot: floors.flat().map((room) => `^src/${room}/`) },
    },
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'product-does-not-import-tests', severity: 'error', from: { path: '^src/' }, to: { path: '^test/' } },
    {
      name: 'product-uses-only-dependencies',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], pathNot: ['node_modules/@types/', 'node_modules/kubernetes-types/'] },
    },
  ],
  options: {
    // swc reads TypeScript without the compiler's JavaScript API, which TypeScript 7 no longer has.
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      exportsFields: ['exports'],
    },
  },
};
