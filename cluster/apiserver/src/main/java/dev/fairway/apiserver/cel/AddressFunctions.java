// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.cel;

import static dev.cel.common.CelFunctionDecl.newFunctionDeclaration;
import static dev.cel.common.CelOverloadDecl.newGlobalOverload;
import static dev.cel.common.CelOverloadDecl.newMemberOverload;

import dev.cel.bundle.CelBuilder;
import dev.cel.common.types.CelType;
import dev.cel.common.types.OpaqueType;
import dev.cel.common.types.SimpleType;
import dev.cel.runtime.CelFunctionBinding;
import dev.cel.runtime.CelFunctionOverload;
import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;

/// `ip('10.0.0.1')`, `cidr('10.0.0.0/8')` and what can be asked of them.
final class AddressFunctions {
  private static final CelType IP = OpaqueType.create("net.IP");
  private static final CelType CIDR = OpaqueType.create("net.CIDR");

  private AddressFunctions() {}

  static void add(CelBuilder builder) {
    ofText(builder, "ip", IP, IpAddress::parse);
    ofText(builder, "isIP", SimpleType.BOOL, text -> is(() -> IpAddress.parse(text)));
    ofText(
        builder,
        "ip.isCanonical",
        SimpleType.BOOL,
        text -> IpAddress.parse(text).toString().equals(text));
    ofText(builder, "cidr", CIDR, Prefix::parse);
    ofText(builder, "isCIDR", SimpleType.BOOL, text -> is(() -> Prefix.parse(text)));
    ofIp(builder, "family", SimpleType.INT, ip -> ip.family() == IpFamily.IPV4 ? 4L : 6L);
    ofIp(builder, "isUnspecified", SimpleType.BOOL, IpAddress::isUnspecified);
    ofIp(builder, "isLoopback", SimpleType.BOOL, IpAddress::isLoopback);
    ofIp(
        builder,
        "isLinkLocalUnicast",
        SimpleType.BOOL,
        ip -> ip.isLinkLocal() && !ip.isMulticast());
    ofIp(builder, "isGlobalUnicast", SimpleType.BOOL, AddressFunctions::isGlobal);
    ofCidr(builder, "ip", IP, Prefix::address);
    ofCidr(builder, "masked", CIDR, prefix -> new Prefix(prefix.address(), prefix.length()));
    ofCidr(builder, "prefixLength", SimpleType.INT, prefix -> (long) prefix.length());
    contains(builder, "containsIP", IP, IpAddress.class, Prefix::contains);
    contains(builder, "containsCIDR", CIDR, Prefix.class, Prefix::contains);
    contains(
        builder,
        "containsIP",
        SimpleType.STRING,
        String.class,
        (prefix, text) -> prefix.contains(IpAddress.parse(text)));
    contains(
        builder,
        "containsCIDR",
        SimpleType.STRING,
        String.class,
        (prefix, text) -> prefix.contains(Prefix.parse(text)));
    builder.addFunctionDeclarations(
        newFunctionDeclaration(
            "string",
            newGlobalOverload("fairway_ip_to_string", SimpleType.STRING, IP),
            newGlobalOverload("fairway_cidr_to_string", SimpleType.STRING, CIDR)));
    builder.addFunctionBindings(
        CelFunctionBinding.from("fairway_ip_to_string", IpAddress.class, IpAddress::toString),
        CelFunctionBinding.from("fairway_cidr_to_string", Prefix.class, Prefix::toString));
  }

  private static void ofText(
      CelBuilder builder, String name, CelType result, CelFunctionOverload.Unary<String> how) {
    String overload = "fairway_text_" + name.replace('.', '_');
    builder.addFunctionDeclarations(
        newFunctionDeclaration(name, newGlobalOverload(overload, result, SimpleType.STRING)));
    builder.addFunctionBindings(CelFunctionBinding.from(overload, String.class, how));
  }

  private static void ofIp(
      CelBuilder builder, String name, CelType result, CelFunctionOverload.Unary<IpAddress> how) {
    String overload = "fairway_ip_" + name;
    builder.addFunctionDeclarations(
        newFunctionDeclaration(name, newMemberOverload(overload, result, IP)));
    builder.addFunctionBindings(CelFunctionBinding.from(overload, IpAddress.class, how));
  }

  private static void ofCidr(
      CelBuilder builder, String name, CelType result, CelFunctionOverload.Unary<Prefix> how) {
    String overload = "fairway_cidr_" + name;
    builder.addFunctionDeclarations(
        newFunctionDeclaration(name, newMemberOverload(overload, result, CIDR)));
    builder.addFunctionBindings(CelFunctionBinding.from(overload, Prefix.class, how));
  }

  private static <T> void contains(
      CelBuilder builder,
      String name,
      CelType type,
      Class<T> of,
      CelFunctionOverload.Binary<Prefix, T> how) {
    String overload = "fairway_" + name + "_" + of.getSimpleName();
    builder.addFunctionDeclarations(
        newFunctionDeclaration(name, newMemberOverload(overload, SimpleType.BOOL, CIDR, type)));
    builder.addFunctionBindings(CelFunctionBinding.from(overload, Prefix.class, of, how));
  }

  private static boolean is(Runnable parse) {
    try {
      parse.run();
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static boolean isGlobal(IpAddress ip) {
    return !ip.isUnspecified() && !ip.isLoopback() && !ip.isMulticast() && !ip.isLinkLocal();
  }
}
