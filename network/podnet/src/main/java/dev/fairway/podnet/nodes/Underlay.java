// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.nodes;

import dev.fairway.net.IpAddress;

/// The network between the machines, as this one is on it.
///
/// @param link index of the device
/// @param mtu of the device, bytes
/// @param address of this machine
public record Underlay(int link, int mtu, IpAddress address) {}
