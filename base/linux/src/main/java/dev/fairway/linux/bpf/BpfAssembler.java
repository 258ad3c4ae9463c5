// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.bpf;

import dev.fairway.linux.bpf.BpfInstruction.AtomicAdd;
import dev.fairway.linux.bpf.BpfInstruction.Call;
import dev.fairway.linux.bpf.BpfInstruction.CallKernel;
import dev.fairway.linux.bpf.BpfInstruction.CompareExchange;
import dev.fairway.linux.bpf.BpfInstruction.Compute;
import dev.fairway.linux.bpf.BpfInstruction.Condition;
import dev.fairway.linux.bpf.BpfInstruction.Constant;
import dev.fairway.linux.bpf.BpfInstruction.Exit;
import dev.fairway.linux.bpf.BpfInstruction.Jump;
import dev.fairway.linux.bpf.BpfInstruction.JumpIf;
import dev.fairway.linux.bpf.BpfInstruction.Label;
import dev.fairway.linux.bpf.BpfInstruction.Load;
import dev.fairway.linux.bpf.BpfInstruction.LoadMap;
import dev.fairway.linux.bpf.BpfInstruction.Operand;
import dev.fairway.linux.bpf.BpfInstruction.Operation;
import dev.fairway.linux.bpf.BpfInstruction.Register;
import dev.fairway.linux.bpf.BpfInstruction.Store;
import dev.fairway.linux.bpf.BpfInstruction.SwapBytes;
import dev.fairway.linux.bpf.BpfInstruction.Width;
import java.util.ArrayList;
import java.util.List;

/// Writes code one instruction after the other.
public final class BpfAssembler {
  private final List<BpfInstruction> instructions = new ArrayList<>();

  public BpfAssembler move(Register to, Operand from) {
    return compute(Operation.MOVE, to, from);
  }

  public BpfAssembler move(Register to, int value) {
    return compute(Operation.MOVE, to, new Constant(value));
  }

  public BpfAssembler add(Register to, int value) {
    return compute(Operation.ADD, to, new Constant(value));
  }

  /// In all 64 bits.
  public BpfAssembler compute(Operation operation, Register to, Operand by) {
    return put(new Compute(operation, true, to, by));
  }

  /// In the lower 32 bits.
  public BpfAssembler compute32(Operation operation, Register to, Operand by) {
    return put(new Compute(operation, false, to, by));
  }

  public BpfAssembler and(Register to, int mask) {
    return compute(Operation.AND, to, new Constant(mask));
  }

  /// Between the machine's order and the network's, in the lower 16, 32 or 64 bits.
  public BpfAssembler swapBytes(Register register, int bits) {
    return put(new SwapBytes(register, bits));
  }

  public BpfAssembler load(Width width, Register to, Register from, int offset) {
    return put(new Load(width, to, from, offset));
  }

  public BpfAssembler store(Width width, Register to, int offset, Register value) {
    return put(new Store(width, to, offset, value));
  }

  public BpfAssembler store(Width width, Register to, int offset, int value) {
    return put(new Store(width, to, offset, new Constant(value)));
  }

  public BpfAssembler atomicAdd(Width width, Register to, int offset, Register by) {
    return put(new AtomicAdd(width, to, offset, by));
  }

  /// Writes if memory holds what R0 holds; R0 has then what it held.
  public BpfAssembler compareExchange(Width width, Register to, int offset, Register value) {
    return put(new CompareExchange(width, to, offset, value));
  }

  public BpfAssembler loadMap(Register to, String map) {
    return put(new LoadMap(to, map));
  }

  public BpfAssembler jump(String label) {
    return put(new Jump(label));
  }

  public BpfAssembler jumpIf(Register left, Condition condition, Operand right, String label) {
    return put(new JumpIf(condition, left, right, label));
  }

  public BpfAssembler jumpIf(Register left, Condition condition, int right, String label) {
    return jumpIf(left, condition, new Constant(right), label);
  }

  public BpfAssembler call(BpfFunction helper) {
    return put(new Call(helper));
  }

  public BpfAssembler callKernel(String function) {
    return put(new CallKernel(function));
  }

  public BpfAssembler exit() {
    return put(new Exit());
  }

  public BpfAssembler label(String name) {
    return put(new Label(name));
  }

  private BpfAssembler put(BpfInstruction instruction) {
    instructions.add(instruction);
    return this;
  }

  /// What was written.
  ///
  /// @throws IllegalArgumentException if a jump leads nowhere or a label stands twice
  public BpfCode code() {
    return new BpfCode(instructions);
  }
}
