/** All nodes of a plan. */
import { endpointReverseNode, ownPositions, pushNode, pushTarget } from './below.ts'
import type { OwnedNode } from './context.ts'
import { headNodes } from './head.ts'
import { Packer } from './pack.ts'
import type { ServicePlan } from './plan.ts'

/** Every name of a Service, each once a role. */
export function planNodes(plan: ServicePlan): OwnedNode[] {
  const nodes = headNodes(plan, new Packer())
  const names = new Packer()
  for (const target of plan.targets.all) pushTarget(nodes, plan, target, names)
  const own = ownPositions(plan)
  const reverse = new Packer()
  for (const endpoint of plan.targets.endpoints.ready) {
    if (!own.has(endpoint)) pushNode(nodes, endpointReverseNode(plan, endpoint, reverse))
  }
  return nodes
}
