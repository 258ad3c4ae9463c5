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
import dev.fairway.apimachinery.Quantity;

/// `quantity('500m')` and what can be asked of it.
final class QuantityFunctions {
  private static final CelType QUANTITY = OpaqueType.create("kubernetes.Quantity");

  private QuantityFunctions() {}

  static void add(CelBuilder builder) {
    builder.addFunctionDeclarations(
        newFunctionDeclaration(
            "quantity", newGlobalOverload("fairway_quantity", QUANTITY, SimpleType.STRING)),
        newFunctionDeclaration(
            "isQuantity",
            newGlobalOverload("fairway_is_quantity", SimpleType.BOOL, SimpleType.STRING)));
    builder.addFunctionBindings(
        CelFunctionBinding.from("fairway_quantity", String.class, Quantity::parse),
        CelFunctionBinding.from("fairway_is_quantity", String.class, QuantityFunctions::is));
    unary(builder, "sign", SimpleType.INT, quantity -> (long) quantity.value().signum());
    unary(builder, "isInteger", SimpleType.BOOL, QuantityFunctions::isWhole);
    unary(builder, "asInteger", SimpleType.INT, quantity -> quantity.value().longValueExact());
    unary(
        builder,
        "asApproximateFloat",
        SimpleType.DOUBLE,
        quantity -> quantity.value().doubleValue());
    binary(builder, "isGreaterThan", SimpleType.BOOL, (one, two) -> one.compareTo(two) > 0);
    binary(builder, "isLessThan", SimpleType.BOOL, (one, two) -> one.compareTo(two) < 0);
    binary(builder, "compareTo", SimpleType.INT, (one, two) -> (long) one.compareTo(two));
    binary(builder, "add", QUANTITY, Quantity::plus);
    binary(builder, "sub", QUANTITY, Quantity::minus);
    withNumber(builder, "add", (one, number) -> one.plus(Quantity.of(number)));
    withNumber(builder, "sub", (one, number) -> one.minus(Quantity.of(number)));
  }

  private static void unary(
      CelBuilder builder, String name, CelType result, CelFunctionOverload.Unary<Quantity> how) {
    String overload = "fairway_quantity_" + name;
    builder.addFunctionDeclarations(
        newFunctionDeclaration(name, newMemberOverload(overload, result, QUANTITY)));
    builder.addFunctionBindings(CelFunctionBinding.from(overload, Quantity.class, how));
  }

  private static void binary(
      CelBuilder builder,
      String name,
      CelType result,
      CelFunctionOverload.Binary<Quantity, Quantity> how) {
    String overload = "fairway_quantity_" + name;
    builder.addFunctionDeclarations(
        newFunctionDeclaration(name, newMemberOverload(overload, result, QUANTITY, QUANTITY)));
    builder.addFunctionBindings(
        CelFunctionBinding.from(overload, Quantity.class, Quantity.class, how));
  }

  private static void withNumber(
      CelBuilder builder, String name, CelFunctionOverload.Binary<Quantity, Long> how) {
    String overload = "fairway_quantity_int_" + name;
    builder.addFunctionDeclarations(
        newFunctionDeclaration(
            name, newMemberOverload(overload, QUANTITY, QUANTITY, SimpleType.INT)));
    builder.addFunctionBindings(CelFunctionBinding.from(overload, Quantity.class, Long.class, how));
  }

  private static boolean is(String text) {
    try {
      Quantity.parse(text);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static boolean isWhole(Quantity quantity) {
    try {
      quantity.value().longValueExact();
      return true;
    } catch (ArithmeticException e) {
      return false;
    }
  }
}
