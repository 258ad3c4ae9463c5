// SPDX-License-Identifier: Apache-2.0
/// Deletes objects whose owners are gone, and carries out foreground and orphaning deletion.
///
/// The kinds that own or are owned in ordinary clusters are followed anyway by other controllers;
/// for them a graph of owner references is kept and reacts at once ([OwnerGraph]). All other kinds
/// are swept through by listing them: soon after an owner was deleted, and every
/// [GarbageCollector#SWEEP_EVERY]. So an idle cluster pays for no extra watch. The limit: a
/// dependent of a kind that is not followed goes some seconds late, or minutes late if its owner's
/// kind is not followed either.
@NullMarked
package dev.fairway.controllers.gc;

import org.jspecify.annotations.NullMarked;
