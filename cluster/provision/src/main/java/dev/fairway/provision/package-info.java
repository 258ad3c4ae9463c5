// SPDX-License-Identifier: Apache-2.0
/// "The hard way", as code: machines, their network, certificates, kubeconfigs, container runtimes,
/// and taking it all away again.
///
/// A machine is a network namespace with an address on the cluster's bridge, a container runtime, a
/// state directory and the processes that run in it. Every step here looks at what is there and
/// makes what is missing, so that a half-made or half-dead cluster is brought up by the same code
/// as a new one, and [ClusterRemoval] finds everything without having to remember it.
@NullMarked
package dev.fairway.provision;

import org.jspecify.annotations.NullMarked;
