/// The backend `bgp`: nodes tell one another and the network around them which pods they hold (RFC
/// 4271), as routers do. No wrapping, full MTU, and machines outside the cluster can reach pods
/// directly.
///
/// [BgpBackend] is the front door, one an agent: it is given the settings, this node and the others
/// whenever one of them changes, and holds a [BgpNetwork] while the settings want one. It learns by
/// and by which nodes it reaches, and says so. [BgpPlan] is pure: it makes the speaker's settings
/// out of the nodes and the settings (whom to speak with, what to tell, what to believe).
/// [KernelRoutes] puts what was learned into the kernel as next hop objects and routes that name
/// them, so the death of one of several ways is one message to the kernel, however many routes took
/// it.
///
/// An agent that ends, however, leaves its routes in the kernel; the next one takes them over, asks
/// its neighbours to wait for it (graceful restart, RFC 4724), and removes what nobody tells any
/// more once all have told what they know. With BFD a crash counts as the death of the node
/// instead; see the package of `dev.fairway.bgp.bfd`.
@NullMarked
package dev.fairway.podnet.bgp;

import org.jspecify.annotations.NullMarked;
