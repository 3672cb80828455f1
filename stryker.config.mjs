// `SCOPE=audit/merkle pnpm mutate`: a package and a folder of its code, and after a space the tests to
// run. CONTRIBUTING.md says more.
const [name, folder] = (process.env.SCOPE ?? 'SCOPE/unset').split(' ')[0].split('/')

export default {
  mutate: [`packages/${name}/src/${folder}/**/*.ts`],
  // What a text says is no rule.
  mutator: { excludedMutations: ['StringLiteral'] },
  // The workspace links its packages to each other: a copy elsewhere would mutate what no test loads.
  inPlace: true,
  testRunner: 'vitest',
  // By name: among linked packages it is not found beside Stryker.
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: 'vitest.mutation.config.ts', related: false },
  coverageAnalysis: 'perTest',
  ignoreStatic: true,
  reporters: ['clear-text', 'json'],
  clearTextReporter: { allowColor: false, allowEmojis: false, logTests: false, reportTests: false },
  jsonReporter: { fileName: `.artifacts/mutation/${name}-${folder}.json` },
  tempDirName: '.artifacts/mutation/tmp',
  concurrency: 2,
  timeoutMS: 20_000,
}
