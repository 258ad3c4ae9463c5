// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.net.InetAddress;

/// Who asks, and over what.
record Asker(InetAddress address, boolean overTcp) {}
