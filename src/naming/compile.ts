/** All nodes of a plan. */
import { ownPositions, pushTarget, reverseNodeTo } from './below.ts'
import type { OwnedNode } from './context.ts'
import { headNodes } from './head.ts'
import { Packer } from './pack.ts'
import type { ServicePlan } from './plan.ts'

/** Every name of a Service, each once a role: the Service's own, then endpoint by endpoint. */
export function planNodes(plan: ServicePlan): OwnedNode[] {
  const nodes = headNodes(plan, new Packer())
  const { targets } = plan
  const own = ownPositions(plan)
  const packer = new Packer()
  for (const target of targets.all) {
    const name = pushTarget(nodes, plan, target, packer)
    if (name === null) continue
    for (let endpoint = target; endpoint >= 0; endpoint = targets.next(endpoint)) {
      if (!own.has(endpoint)) nodes.push(reverseNodeTo(plan, endpoint, name, packer))
    }
  }
  return nodes
}
