import { entries } from './typedoc-names.mjs'

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  name: 'Reference',
  entryPoints: [...entries.keys()],
  tsconfig: 'typedoc.tsconfig.json',
  plugin: ['typedoc-plugin-markdown', 'typedoc-vitepress-theme', './typedoc-names.mjs'],
  out: '../docs/reference',
  docsRoot: '../docs',
  readme: 'none',
  githubPages: false,
  outputFileStrategy: 'modules',
  excludePrivate: true,
  excludeInternal: true,
  excludeExternals: true,
  disableSources: true,
  hidePageHeader: true,
  hideBreadcrumbs: true,
  entryFileName: 'index',
  skipErrorChecking: true,
  useCustomAnchors: true,
  useCodeBlocks: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  tableColumnSettings: {
    hideSources: true,
    hideInherited: true,
    hideOverrides: true,
    hideModifiers: true,
  },
  treatWarningsAsErrors: true,
}
