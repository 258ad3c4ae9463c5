// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.net.MacAddress;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// What a new link is to be: `LinkSpec.named("eth0").withMtu(1450).withUp()`.
///
/// @param name at most 15 bytes
/// @param index the number to give it, 0 to let the kernel choose. Choosing it saves a question
///   afterwards, so a whole batch can speak of links that it makes itself
/// @param mac its address, null to let the kernel choose
/// @param mtu bytes, 0 for the kernel's default
/// @param master the index of the bridge it joins, 0 for none. The peer of a new veth cannot have
///   one
/// @param group the number links can be deleted together by, 0 is the default group
/// @param up whether it is up from the start. The peer of a new veth must not be: it is not linked
///   yet when the kernel would bring it up
/// @param queues how many queues it has each way, 0 for the kernel's choice, which is one a
///   processor. A veth has no use for them, as it neither waits nor locks, and each takes time to
///   make
/// @param namespace where it goes, null for the namespace of the socket
public record LinkSpec(
    String name,
    int index,
    @Nullable MacAddress mac,
    int mtu,
    int master,
    int group,
    boolean up,
    int queues,
    @Nullable NetworkNamespace namespace) {
  static final int MAX_NAME = 15;

  public LinkSpec {
    checkName(name);
    if (index < 0 || mtu < 0 || master < 0) {
      throw new IllegalArgumentException("index, mtu and master of " + name + " are from 0");
    }
  }

  public static LinkSpec named(String name) {
    return new LinkSpec(name, 0, null, 0, 0, 0, false, 0, null);
  }

  public LinkSpec withIndex(int chosen) {
    return new LinkSpec(name, chosen, mac, mtu, master, group, up, queues, namespace);
  }

  public LinkSpec withMac(MacAddress chosen) {
    return new LinkSpec(name, index, chosen, mtu, master, group, up, queues, namespace);
  }

  public LinkSpec withMtu(int bytes) {
    return new LinkSpec(name, index, mac, bytes, master, group, up, queues, namespace);
  }

  public LinkSpec withMaster(int bridgeIndex) {
    return new LinkSpec(name, index, mac, mtu, bridgeIndex, group, up, queues, namespace);
  }

  public LinkSpec withGroup(int number) {
    return new LinkSpec(name, index, mac, mtu, master, number, up, queues, namespace);
  }

  public LinkSpec withUp() {
    return new LinkSpec(name, index, mac, mtu, master, group, true, queues, namespace);
  }

  public LinkSpec withQueues(int number) {
    return new LinkSpec(name, index, mac, mtu, master, group, up, number, namespace);
  }

  public LinkSpec in(NetworkNamespace target) {
    return new LinkSpec(name, index, mac, mtu, master, group, up, queues, target);
  }

  /// The kernel's rule for names (`dev_valid_name` in net/core/dev.c).
  static void checkName(String name) {
    int bytes = name.getBytes(StandardCharsets.UTF_8).length;
    boolean bad = bytes == 0 || bytes > MAX_NAME || name.equals(".") || name.equals("..");
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      bad |= c == '/' || c == ':' || Character.isWhitespace(c) || c == 0;
    }
    if (bad) {
      throw new IllegalArgumentException(
          "\"" + name + "\" is not a link name: 1 to 15 bytes without '/', ':' and spaces");
    }
  }
}
