/** Which prefixes are pools: the configured one, and the ServiceCIDRs of the cluster. Pure. */
import type { ServiceCidr } from '../../cluster/kubernetes/addresses.ts'
import { containsPrefix, formatPrefix, type Prefix } from '../../ip/prefix.ts'

/**
 * The pools in the order in which they fill.
 *
 * The API server refuses every address outside of its ready ServiceCIDRs, so the configured pool counts only inside of
 * one, which it narrows; the other ready ones come behind it. Without knowledge of ServiceCIDRs (an API server before
 * 1.33, or a role that hides them) the configured pool stands alone.
 *
 * @param cidrs empty: not known. A cluster that has them has at least the one called `kubernetes`.
 */
export function poolsOf(configured: Prefix, cidrs: readonly ServiceCidr[]): readonly Prefix[] {
  if (cidrs.length === 0) return [configured]
  const ready = cidrs
    .filter(cidr => cidr.ready)
    .flatMap(cidr => cidr.prefixes)
    .filter(({ family, length }) => family === 'IPv6' && length >= 64 && length <= 124)
  // a prefix inside of another one is no pool of its own, whichever order they came in
  const outer = ready.filter(one => !ready.some(other => other.length < one.length && containsPrefix(other, one)))
  const byText = new Map(outer.map(prefix => [formatPrefix(prefix), prefix]))
  const others = Array.from(byText.values()).sort((a, b) => Buffer.compare(a.address, b.address))
  const isInside = others.some(other => containsPrefix(other, configured))
  const rest = others.filter(other => !containsPrefix(other, configured) && !containsPrefix(configured, other))
  return isInside ? [configured, ...rest] : others
}

/**
 * Where Services may have their addresses: what lies elsewhere is reported. A ServiceCIDR that is being deleted still
 * counts, for its Services are in order.
 */
export function rangesOf(configured: Prefix, cidrs: readonly ServiceCidr[]): readonly Prefix[] {
  return cidrs.length === 0 ? [configured] : cidrs.flatMap(cidr => cidr.prefixes)
}
