// SPDX-License-Identifier: Apache-2.0
/// What of CoreDNS's configuration file is understood, so that a cluster's Corefile can be used as
/// it is: [Corefile] is the front door.
///
/// Understood: server blocks of one port (`.` and stub domains), `kubernetes`, `forward`, `cache`,
/// `hosts`, `autopath`, `bind`, `health`, `ready`, `prometheus`, `log`, `errors`, `loop`, `reload`,
/// `loadbalance`. Anything else is refused with its file and line: a line that is passed over would
/// be a promise not kept. No imports, snippets or environment variables.
@NullMarked
package dev.fairway.dns.corefile;

import org.jspecify.annotations.NullMarked;
