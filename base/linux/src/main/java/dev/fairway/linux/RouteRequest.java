// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.net.MacAddress;
import org.jspecify.annotations.Nullable;

/// One change to links, addresses, routes or neighbours. [RouteNetlink#apply] sends many at once.
///
/// A name that starts with `Add` fails where the thing is there already, `Put` replaces it, and
/// `Delete` is content where it is absent.
public sealed interface RouteRequest {
  /// A pair of links that are each other's wire. Give one of them a namespace and the pair reaches
  /// across.
  record AddVeth(LinkSpec link, LinkSpec peer) implements RouteRequest {
    public AddVeth {
      if (peer.up()) {
        throw new IllegalArgumentException(
            "the peer " + peer.name() + " cannot be up from the start; bring it up afterwards");
      }
      if (peer.master() != 0) {
        throw new IllegalArgumentException(
            "the peer " + peer.name() + " cannot join a bridge from the start; the link can");
      }
    }
  }

  /// An Ethernet bridge.
  record AddBridge(LinkSpec link) implements RouteRequest {}

  /// A VXLAN device.
  record AddVxlan(LinkSpec link, Vxlan settings) implements RouteRequest {}

  /// A WireGuard device of the kernel, without keys (Linux 5.6, `CONFIG_WIREGUARD`).
  record AddWireGuard(LinkSpec link) implements RouteRequest {}

  /// Changes of a link that exists; a part that is null stays as it is.
  ///
  /// @param link which
  /// @param up whether it is up
  /// @param mtu bytes
  /// @param master index of the bridge it joins, 0 to leave its bridge
  /// @param mac its address
  /// @param name a new name; the kernel wants the link down for that
  /// @param group see [LinkSpec#group]
  /// @param alias free text, empty to clear it
  /// @param namespace where it goes
  record ChangeLink(
      LinkRef link,
      @Nullable Boolean up,
      @Nullable Integer mtu,
      @Nullable Integer master,
      @Nullable MacAddress mac,
      @Nullable String name,
      @Nullable Integer group,
      @Nullable String alias,
      @Nullable NetworkNamespace namespace)
      implements RouteRequest {
    public ChangeLink {
      if (name != null) {
        LinkSpec.checkName(name);
      }
      if (alias != null && alias.length() > 255) {
        throw new IllegalArgumentException("an alias has at most 255 characters");
      }
    }

    public static ChangeLink of(LinkRef link) {
      return new ChangeLink(link, null, null, null, null, null, null, null, null);
    }

    public static ChangeLink of(int index) {
      return of(LinkRef.of(index));
    }

    public static ChangeLink of(String name) {
      return of(LinkRef.named(name));
    }

    public ChangeLink setUp() {
      return new ChangeLink(link, true, mtu, master, mac, name, group, alias, namespace);
    }

    public ChangeLink setDown() {
      return new ChangeLink(link, false, mtu, master, mac, name, group, alias, namespace);
    }

    public ChangeLink withMtu(int bytes) {
      return new ChangeLink(link, up, bytes, master, mac, name, group, alias, namespace);
    }

    public ChangeLink withMaster(int bridgeIndex) {
      return new ChangeLink(link, up, mtu, bridgeIndex, mac, name, group, alias, namespace);
    }

    public ChangeLink withMac(MacAddress address) {
      return new ChangeLink(link, up, mtu, master, address, name, group, alias, namespace);
    }

    public ChangeLink renamed(String newName) {
      return new ChangeLink(link, up, mtu, master, mac, newName, group, alias, namespace);
    }

    public ChangeLink withGroup(int number) {
      return new ChangeLink(link, up, mtu, master, mac, name, number, alias, namespace);
    }

    public ChangeLink withAlias(String text) {
      return new ChangeLink(link, up, mtu, master, mac, name, group, text, namespace);
    }

    public ChangeLink movedTo(NetworkNamespace target) {
      return new ChangeLink(link, up, mtu, master, mac, name, group, alias, target);
    }
  }

  /// The end of a veth takes the other end along. One costs about 20 ms, whatever the batch.
  record DeleteLink(LinkRef link) implements RouteRequest {
    public static DeleteLink of(int index) {
      return new DeleteLink(LinkRef.of(index));
    }

    public static DeleteLink of(String name) {
      return new DeleteLink(LinkRef.named(name));
    }
  }

  /// Deletes every link of a group at once, which is some thirty times faster than one by one.
  record DeleteLinkGroup(int group) implements RouteRequest {
    public DeleteLinkGroup {
      if (group <= 0) {
        throw new IllegalArgumentException("group 0 holds every ordinary link");
      }
    }
  }

  record PutAddress(LinkAddress address) implements RouteRequest {}

  record DeleteAddress(LinkAddress address) implements RouteRequest {}

  record AddRoute(Route route) implements RouteRequest {}

  record PutRoute(Route route) implements RouteRequest {}

  /// Deletes by destination, table, metric, type and protocol, and by gateway and link where given.
  record DeleteRoute(Route route) implements RouteRequest {}

  record PutNeighbour(Neighbour neighbour) implements RouteRequest {}

  record DeleteNeighbour(Neighbour neighbour) implements RouteRequest {}

  /// Adds one more destination for the all-zero address of VXLAN, replaces that of any other.
  record PutForwarding(Forwarding forwarding) implements RouteRequest {}

  record DeleteForwarding(Forwarding forwarding) implements RouteRequest {}

  /// Limits what leaves a link. It ends with the link.
  record PutTokenBucket(int link, TokenBucket bucket) implements RouteRequest {}

  /// Lets packets from and to 127.0.0.0/8 pass a link (`route_localnet`), which is otherwise
  /// refused as nobody's business outside the machine.
  record PassLoopback(LinkRef link) implements RouteRequest {}

  /// Keeps the kernel from giving a link an address of `fe80::/64` by itself, with all that comes
  /// of one: the question whether another has it, a multicast group. One that it has stays. A link
  /// that knows no IPv6 refuses it.
  record WithoutLinkLocal(LinkRef link) implements RouteRequest {}
}
