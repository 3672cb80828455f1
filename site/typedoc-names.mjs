import { readdirSync, readFileSync } from 'node:fs'
import { Converter, ReflectionKind } from 'typedoc'

const packages = new URL('../packages/', import.meta.url)

/** The source of every public entry, with the name by which users import it. */
export const entries = new Map(readdirSync(packages).flatMap(entriesOf))

function entriesOf(folder) {
  const { exports = {}, name } = JSON.parse(
    readFileSync(new URL(`${folder}/package.json`, packages), 'utf8'),
  )
  return Object.entries(exports)
    .filter(([entry, target]) => entry !== './internal' && target['@onbehalf/source'])
    .map(([entry, target]) => [
      `../packages/${folder}/${target['@onbehalf/source'].slice(2)}`,
      name + entry.slice(1),
    ])
}

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (!reflection.kindOf(ReflectionKind.Module)) return
    const file = context.getSymbolFromReflection(reflection)?.declarations?.[0]?.fileName ?? ''
    for (const [source, name] of entries) if (file.endsWith(source.slice(2))) reflection.name = name
  })
}
