// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.wireguard;

import dev.fairway.linux.Errno;
import dev.fairway.linux.GenericNetlink;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.Link;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.NetlinkSocket;
import dev.fairway.linux.NetlinkSocket.Answer;
import dev.fairway.linux.NetlinkWriter;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import java.io.IOException;
import java.util.Optional;

/// The kernel's own device (Linux 5.6, `CONFIG_WIREGUARD`), by generic netlink.
public final class KernelWireGuard implements WireGuardDriver {
  private static final String KIND = "wireguard";

  private final RouteNetlink netlink;
  private final NetlinkSocket socket;
  private final String device;

  /// @param machine the namespace of the device
  /// @param device name of the link
  public KernelWireGuard(NetworkNamespace machine, String device) {
    this.netlink = RouteNetlink.open(machine);
    this.socket = NetlinkSocket.open(machine, NetlinkSocket.GENERIC);
    this.device = device;
  }

  @Override
  public String name() {
    return "the kernel";
  }

  @Override
  public void create(int mtu) throws IOException {
    try {
      netlink.apply(new RouteRequest.AddWireGuard(LinkSpec.named(device).withMtu(mtu)));
    } catch (KernelException e) {
      if (e.errno() == Errno.EOPNOTSUPP) { // no link of that kind, and no module for it
        throw new IOException(
            "this kernel has no WireGuard (Linux 5.6 with CONFIG_WIREGUARD; `modprobe wireguard`)",
            e);
      }
      throw e;
    }
  }

  private boolean isThere() {
    return netlink.link(device).map(Link::kind).filter(KIND::equals).isPresent();
  }

  private int family() {
    return GenericNetlink.family(socket, WireGuardWire.FAMILY)
        .orElseThrow(
            () -> new KernelException("CTRL_CMD_GETFAMILY", Errno.ENOENT, WireGuardWire.FAMILY));
  }

  @Override
  public Optional<WireGuardDevice> read() {
    if (!isThere()) {
      return Optional.empty();
    }
    NetlinkWriter out = socket.writer();
    WireGuardWire.get(out, family(), device);
    WireGuardWire.Reading reading = new WireGuardWire.Reading();
    socket.dump(out, reading::restart, (type, payload) -> reading.message(payload));
    return Optional.of(reading.device());
  }

  @Override
  public void change(WireGuardChange change) {
    NetlinkWriter out = socket.writer();
    WireGuardWire.set(out, family(), device, change);
    for (Answer answer : socket.exchange(out)) {
      if (answer.errno() != 0) {
        throw new KernelException(
            "WG_CMD_SET_DEVICE", answer.errno(), "device " + device, answer.reason());
      }
    }
  }

  @Override
  public void remove() {
    if (isThere()) {
      netlink.apply(RouteRequest.DeleteLink.of(device));
    }
  }

  @Override
  public void close() {
    socket.close();
    netlink.close();
  }
}
