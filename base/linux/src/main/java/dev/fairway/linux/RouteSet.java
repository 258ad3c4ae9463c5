// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

/// Routes that belong together and to one program: what tells them from all others.
///
/// @param table routing table number
/// @param protocol number of the program, 5 to 255
/// @param metric at least 1, so that no route of another program is replaced by ours
public record RouteSet(int table, int protocol, int metric) {
  public RouteSet {
    if (table < 1 || protocol < 5 || protocol > 255 || metric < 1) {
      throw new IllegalArgumentException(
          "table " + table + ", protocol " + protocol + ", metric " + metric + " cannot be a set");
    }
  }
}
