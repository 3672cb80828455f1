import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import { describe, expect, expectTypeOf, it } from 'vitest'

interface Options {
  readonly clients?: readonly string[]
  readonly rules?: readonly string[]
  readonly iss: string
}

const known: OptionNames<Options> = { clients: true, rules: true, iss: true }

const check = (options: unknown) => () => assertOptions('issuer', options as Options, known)

describe('options', () => {
  it.each([
    ['none', {}],
    ['all of them', { clients: [], rules: [], iss: '' }],
    ['null, which waives one', { clients: null }],
    ['a list of options without a prototype', Object.assign(Object.create(null), { iss: 'a' })],
  ])('may be %s', (_, options) => {
    expect(check(options)).not.toThrow()
  })

  it.each([
    ['client', '"client" is not an option of issuer; did you mean "clients"?'],
    ['Clients', '"Clients" is not an option of issuer; did you mean "clients"?'],
    ['clinets', '"clinets" is not an option of issuer; did you mean "clients"?'],
    ['rule', '"rule" is not an option of issuer; did you mean "rules"?'],
    ['isss', '"isss" is not an option of issuer; did you mean "iss"?'],
    ['issuer', '"issuer" is not an option of issuer'],
    ['id', '"id" is not an option of issuer'],
    ['', '"" is not an option of issuer'],
    ['constructor', '"constructor" is not an option of issuer'],
    ['toString', '"toString" is not an option of issuer'],
    ['a\nb', '"a\\nb" is not an option of issuer'],
  ])('refuse the unknown name %j', (name, message) => {
    expect(check({ iss: 'a', [name]: 1 })).toThrow(new TypeError(message))
  })

  it('refuse an unknown name that is undefined', () => {
    expect(check({ client: undefined })).toThrow('"client" is not an option of issuer')
  })

  it('refuse a known name that is undefined', () => {
    expect(check({ clients: undefined })).toThrow(new TypeError('clients must not be undefined'))
  })

  it.each([
    ['unknown', { client: [] }, '"client" is not an option of issuer'],
    ['undefined', { clients: undefined }, 'clients must not be undefined'],
  ])('refuse an inherited name that is %s', (_, inherited, message) => {
    expect(check(Object.create(inherited))).toThrow(message)
  })

  it.each([undefined, null, 'iss', 1, [], () => {}])('refuse %j in place of an object', (value) => {
    expect(check(value)).toThrow(new TypeError('issuer: the options must be an object'))
  })

  it('cannot forget a name of the interface', () => {
    // @ts-expect-error -- `rules` is missing
    const incomplete: OptionNames<Options> = { clients: true, iss: true }
    expect(incomplete).toBeDefined()
    expectTypeOf<keyof OptionNames<{ a: 1 } | { b: 2 }>>().toEqualTypeOf<'a' | 'b'>()
  })
})
