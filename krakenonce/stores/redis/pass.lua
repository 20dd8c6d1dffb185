-- Passes the key on if the one it was handed to has not claimed it in time. Replies as release.lua.
if not state.deadline or state.deadline > ms or state.holder == me then return {'D', 0} end
return hand_over(nil) or {'D', 0}
