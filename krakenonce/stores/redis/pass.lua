-- Passes on what the caller has handed over under the generation ARGV[11] and was not claimed since. The caller's clock says
--   that it was given the time. Replies as release.lua.
if not is_known or not state.unclaimed or state.generation ~= ARGV[11] or state.holder == me then return {'D', 0} end
return hand_over(nil) or {'D', 0}
