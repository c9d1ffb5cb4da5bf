/** What is wrong with an object, in the words of the Kubernetes API server (apimachinery `field.Error`). */

/** One fault: the path of the field from the object's top (`spec.ports[0].port`) and a sentence without it. */
export interface Fault {
  readonly field: string
  readonly message: string
}

const LONGEST_VALUE = 100

/** Collects the faults of one object. */
export class Faults {
  readonly list: Fault[] = []

  /** The value is of the right type and wrong all the same. */
  invalid(field: string, value: unknown, why: string): void {
    this.list.push({ field, message: `Invalid value: ${show(value)}: ${why}` })
  }

  /** The value is missing. */
  required(field: string, why = ''): void {
    this.list.push({ field, message: why === '' ? 'Required value' : `Required value: ${why}` })
  }

  /** The value is none of an enumeration. */
  notSupported(field: string, value: unknown, supported: readonly string[]): void {
    const names = supported.map(name => `"${name}"`).join(', ')
    this.list.push({ field, message: `Unsupported value: ${show(value)}: supported values: ${names}` })
  }

  /** The value is there already. */
  duplicate(field: string, value: unknown): void {
    this.list.push({ field, message: `Duplicate value: ${show(value)}` })
  }

  /** The value must not be given. */
  forbidden(field: string, why: string): void {
    this.list.push({ field, message: `Forbidden: ${why}` })
  }
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text
}
