/** The part of ip6addr that the tests use; the package has no types of its own. */
declare module 'ip6addr' {
  interface Addr {
    toString(options?: { format?: 'auto' | 'v4' | 'v4-mapped' | 'v6' }): string
    toBuffer(): Buffer
  }
  interface Cidr {
    contains(address: Addr | string): boolean
    toString(): string
  }
  const ip6addr: {
    parse(text: string): Addr
    createCIDR(address: string, length: number): Cidr
    compare(a: Addr | string, b: Addr | string): number
  }
  export default ip6addr
}
